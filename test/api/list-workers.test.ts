import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordEnd, recordLaunch, recordStart } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

const NEW = {
  ...{ index: 0, role: 'worker', status: 'launching', node: null, exit_code: null, signal: null },
  ...{ reason: null, message: null, attempt: 1, started_at: null, ended_at: null },
  created_at: '2026-11-23T10:00:00.000Z',
}
const STARTED = { ...NEW, status: 'started', node: 'node-1', started_at: '2026-11-23T10:00:00.000Z' }
const ENDED = { ...STARTED, status: 'ended', ended_at: '2026-11-23T10:00:00.000Z' }

test('there are none before the first launch', async () => {
  const { id } = await alice.createCluster()
  for (const path of [`/clusters/${id}/workers`, `/clusters/${id}/workers/`]) {
    const answer = await alice.get(path)
    expect([answer.status, answer.text]).toEqual([200, '[]'])
  }
})

test('shows the scheduler first, then each seat by its index, with the latest who sits there', async () => {
  const cluster = await alice.createCluster({ workers: 12 })
  const seat = { clusterId: cluster.id, creatorId: alice.id }
  const launch = (fields: object) => recordLaunch(server.database, { ...seat, ...fields })
  const ids = new Map<number, string>()
  // Not in the order of their seats; 10 comes after 9 and not after 1.
  for (const index of [11, 3, 10, 1, 2, 0, 9]) ids.set(index, await launch({ seat: index }))
  const scheduler = await launch({ role: 'scheduler' })
  await recordStart(server.database, ids.get(1) ?? '')
  await recordStart(server.database, ids.get(3) ?? '')
  await recordEnd(server.database, ids.get(3) ?? '', 7)
  await recordEnd(server.database, ids.get(2) ?? '', 1)
  ids.set(2, await launch({ seat: 2, attempt: 2, isReplacement: true }))

  expect((await alice.get(`/clusters/${cluster.id}/workers`)).body).toEqual([
    { ...NEW, id: scheduler, role: 'scheduler' },
    { ...NEW, id: ids.get(0), index: 0 },
    { ...STARTED, id: ids.get(1), index: 1 },
    { ...NEW, id: ids.get(2), index: 2, attempt: 2 },
    { ...ENDED, id: ids.get(3), index: 3, exit_code: 7, reason: 'worker_exited', message: 'exit code 7' },
    ...[9, 10, 11].map(index => ({ ...NEW, id: ids.get(index), index })),
  ])
})

test('shows them after the end of the cluster, too', async () => {
  const { id } = await alice.createCluster()
  const worker = await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  await recordEnd(server.database, worker)
  await alice.post(`/clusters/${id}/stop`)
  expect((await alice.get(`/clusters/${id}/workers`)).body).toMatchObject([{ id: worker, exit_code: 0 }])
})

test('answers 404 for somebody else’s cluster just as for none', async () => {
  const { id } = await alice.createCluster()
  await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    const theirs = await caller.get(`/clusters/${id}/workers`)
    expectProblem(theirs, 'not-found')
    const none = await caller.get('/clusters/999999999/workers')
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(none))
  }
  await alice.post(`/clusters/${id}/stop`)
})
