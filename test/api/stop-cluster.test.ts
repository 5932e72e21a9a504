import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordEnd, recordLaunch } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

const usedBy = async (caller: Caller) => ((await caller.get('/users/me')).body as { used: object }).used

test('stops a cluster of which nothing was launched at once, and gives its quota back', async () => {
  const carol = await server.user()
  const cluster = await carol.createCluster({ cpus: 2, workers: 3 })
  expect(await usedBy(carol)).toEqual({ clusters: 1, cpus: 6, memory_gib: 3 })
  const answer = await carol.post(`/clusters/${cluster.id}/stop`)
  expect(answer.status).toBe(202)
  const ended = { status: 'stopped', reason: 'stopped_by_user', message: null }
  expect(answer.body).toEqual({ ...cluster, ...ended, ended_at: expect.any(String) as string })
  expect(await usedBy(carol)).toEqual({ clusters: 0, cpus: 0, memory_gib: 0 })
  expect((await carol.get(`/clusters/${cluster.id}`)).body).toEqual(answer.body)
})

test('is 200 for a cluster that had ended, and changes nothing', async () => {
  const { id } = await alice.createCluster()
  const first = await alice.post(`/clusters/${id}/stop`)
  server.clock.advance(1000)
  const second = await alice.post(`/clusters/${id}/stop/`)
  expect([second.status, second.body]).toEqual([200, first.body])
})

test('a cluster with a worker is stopping, and counts until that is gone', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster()
  const worker = await recordLaunch(server.database, { clusterId: id, creatorId: carol.id })
  const answer = await carol.post(`/clusters/${id}/stop`)
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({ status: 'stopping', reason: 'stopped_by_user', ended_at: null })
  expect(await usedBy(carol)).toEqual({ clusters: 1, cpus: 1, memory_gib: 1 })

  const again = await carol.post(`/clusters/${id}/stop`)
  expect([again.status, again.body]).toEqual([202, answer.body])
  // That it has ended is for the loop to say, which has seen it.
  await recordEnd(server.database, worker)
  expect((await carol.post(`/clusters/${id}/stop`)).body).toEqual(answer.body)
})

test('what runs is ended, and only then it is stopped and its quota back', async () => {
  const fake = new FakeLauncher()
  const own = await startServer({ launcher: () => fake })
  try {
    const carol = await own.user()
    const { id } = await carol.createCluster({ workers: 3 })
    await own.reconcile()
    expect((await carol.get(`/clusters/${id}`)).body).toMatchObject({ status: 'running', ready_workers: 3 })
    fake.ignoresTermination = true
    await carol.post(`/clusters/${id}/stop`)
    await own.reconcile()
    expect((await carol.get(`/clusters/${id}`)).body).toMatchObject({ status: 'stopping' })
    expect(await usedBy(carol)).toMatchObject({ clusters: 1, cpus: 3 })
    fake.ignoresTermination = false
    for (const { spec } of fake.of(id)) fake.end(spec.id, { signal: 'SIGTERM' })
    await own.reconcile()
    const ended = { status: 'stopped', reason: 'stopped_by_user', ready_workers: 0 }
    expect((await carol.get(`/clusters/${id}`)).body).toMatchObject(ended)
    expect(await usedBy(carol)).toEqual({ clusters: 0, cpus: 0, memory_gib: 0 })
    expect(fake.of(id)).toEqual([])
    const events = (await carol.get(`/clusters/${id}/events`)).body as { status: string }[]
    expect(events.map(({ status }) => status).slice(0, 3)).toEqual(['stopped', 'stopping', 'running'])
  } finally {
    await own.stop()
  }
})

test('a cluster whose workers have all ended needs nobody to confirm it', async () => {
  const { id } = await alice.createCluster()
  const worker = await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  await recordEnd(server.database, worker)
  expect((await alice.post(`/clusters/${id}/stop`)).body).toMatchObject({ status: 'stopped' })
})

test('many who stop one cluster at once end it once', async () => {
  const carol = await server.user()
  await carol.createCluster()
  const { id } = await carol.createCluster()
  const answers = await Promise.all(Array.from({ length: 20 }, () => carol.post(`/clusters/${id}/stop`)))
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
  expect(await usedBy(carol)).toEqual({ clusters: 1, cpus: 1, memory_gib: 1 })
})

test('answers 404 for somebody else’s cluster just as for none, and leaves it alone', async () => {
  const cluster = await alice.createCluster()
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    const theirs = await caller.post(`/clusters/${cluster.id}/stop`)
    expectProblem(theirs, 'not-found')
    for (const path of ['/clusters/999999999/stop', '/clusters/x/stop']) {
      expect(withoutRequestId(theirs)).toEqual(withoutRequestId(await caller.post(path)))
    }
  }
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
})
