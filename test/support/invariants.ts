import { expect } from 'vitest'
import { CLUSTER_STATUSES, isLive, mayFollow, type ClusterStatus } from '../../src/domain/cluster.ts'
import { addUse, useOf, type Use } from '../../src/domain/quota.ts'
import type { FakeWorker } from './fake-launcher.ts'
import { CREW, type Recorded, type World } from './world.ts'

/** What must be so at any time, however a server, its engine and its users have fared. */
export async function expectSound(world: World, when: string): Promise<Recorded> {
  const recorded = await world.read()
  expectUse(recorded, when)
  expectEvents(recorded, when)
  expectTimes(recorded, when)
  expectSeats(recorded, when)
  expectNobodyTwice(world, when)
  return recorded
}

/** And what must be so when the engine works and the passes find nothing more to do. */
export async function expectSettled(world: World, when: string): Promise<Recorded> {
  const recorded = await expectSound(world, when)
  const claimed = recorded.workers.filter(({ status }) => status !== 'ended').map(({ id }) => id)
  const present = [...world.launcher.state.workers.keys()]
  expect(present.toSorted(), `${when}: what runs is what is recorded`).toEqual(claimed.toSorted())
  for (const { id, status, workers, runtime, ready_workers } of recorded.clusters) {
    const live = liveOf(world).filter(({ spec }) => spec.clusterId === id)
    const seats = live.map(({ spec }) => `${spec.role} ${spec.index}`)
    const scheduler = runtime === CREW.name ? ['scheduler 0'] : []
    const wanted = Array.from({ length: workers }, (_, seat) => `worker ${seat}`).concat(scheduler)
    if (!isLive(status)) expect(seats, `${when}: nothing runs for ${id}, which is ${status}`).toEqual([])
    else if (runtime !== 'command') {
      expect(status, `${when}: cluster ${id} runs`).toBe('running')
      expect(seats.toSorted(), `${when}: each seat of ${id} is taken once`).toEqual(wanted.toSorted())
      expect(ready_workers, `${when}: all of ${id} are ready`).toBe(workers)
    }
  }
  return recorded
}

function liveOf({ launcher }: World): FakeWorker[] {
  return [...launcher.state.workers.values()].filter(({ state }) => state.kind !== 'ended')
}

function expectUse({ clusters, used }: Recorded, when: string): void {
  const none: Use = { clusters: 0, cpus: 0, memory_gib: 0 }
  const sum = clusters
    .filter(({ status }) => isLive(status))
    .reduce((use, each) => addUse(use, useOf(each)), none)
  expect(used, `${when}: what is used is the sum of the live clusters`).toEqual(sum)
}

function expectEvents({ clusters, events }: Recorded, when: string): void {
  const statuses = new Map<number, ClusterStatus>()
  const last = new Map<number, string>()
  for (const { cluster_id: id, status, reason } of events) {
    const before = statuses.get(id)
    if (before === undefined) expect(status, `${when}: ${id} begins pending`).toBe('pending')
    else if (before !== status)
      expect(mayFollow(before, status), `${when}: ${before} to ${status}`).toBe(true)
    else expect(last.get(id), `${when}: an event of ${id} tells something`).not.toBe(`${status}: ${reason}`)
    statuses.set(id, status)
    last.set(id, `${status}: ${reason}`)
  }
  for (const { id, status, reason } of clusters) {
    expect(last.get(id), `${when}: the last event of ${id} is how it is`).toBe(`${status}: ${reason}`)
    statuses.delete(id)
  }
  // Those that are forgotten have ended, by their events.
  for (const [id, status] of statuses) expect(isLive(status), `${when}: ${id} is forgotten`).toBe(false)
}

const STAGE = new Map(CLUSTER_STATUSES.map((status, index) => [status, index]))

function expectTimes({ clusters }: Recorded, when: string): void {
  for (const cluster of clusters) {
    const { id, status, created_at, started_at, ready_at, ended_at } = cluster
    const about = `${when}: times of ${id}, which is ${status}`
    expect(ended_at !== null, about).toBe(!isLive(status))
    if (status === 'pending') expect(started_at, about).toBeNull()
    if (status === 'starting' || status === 'running') expect(started_at, about).not.toBeNull()
    if (status === 'running') expect(ready_at, about).not.toBeNull()
    if ((STAGE.get(status) ?? 0) < 2) expect(ready_at, about).toBeNull()
    const times = [created_at, started_at, ready_at, ended_at].filter(time => time !== null)
    expect(times, about).toEqual(times.toSorted())
  }
}

/** On each seat there is one latest worker, and whoever left it has ended. */
function expectSeats({ workers, clusters }: Recorded, when: string): void {
  const taken = new Set<string>()
  const ended = new Set(clusters.flatMap(({ id, status }) => (isLive(status) ? [] : [id])))
  for (const { id, cluster_id, role, seat, status, is_latest } of workers) {
    const name = `${cluster_id} ${role} ${seat}`
    if (is_latest === 0 || ended.has(cluster_id)) expect(status, `${when}: ${id} on ${name}`).toBe('ended')
    if (is_latest === 0) continue
    expect(taken, `${when}: nobody sits on a seat twice`).not.toContain(name)
    taken.add(name)
  }
}

function expectNobodyTwice(world: World, when: string): void {
  const { launched } = world.launcher.state
  expect(new Set(launched.map(({ id }) => id)).size, `${when}: nobody is launched twice`).toBe(
    launched.length,
  )
  const seats = liveOf(world).map(({ spec }) => `${spec.clusterId} ${spec.role} ${spec.index}`)
  expect(new Set(seats).size, `${when}: no seat is taken twice: ${seats.join(', ')}`).toBe(seats.length)
}
