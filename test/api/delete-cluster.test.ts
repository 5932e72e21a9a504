import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordLaunch } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

async function isMarkedForDeletion(id: number): Promise<boolean> {
  const query = server.database.reads.selectFrom('clusters').select('deletes_on_end').where('id', '=', id)
  return (await query.executeTakeFirstOrThrow()).deletes_on_end === 1
}

test('forgets a cluster of which nothing was launched at once, with 204 and no body', async () => {
  const { id } = await alice.createCluster()
  const answer = await alice.delete(`/clusters/${id}`)
  expect(answer.status).toBe(204)
  expect(answer.text).toBe('')
  expectProblem(await alice.get(`/clusters/${id}`), 'not-found')
  expect((await alice.get('/clusters/')).body).toEqual([])
})

test('works with the slash at the end', async () => {
  const { id } = await alice.createCluster()
  expect((await alice.delete(`/clusters/${id}/`)).status).toBe(204)
})

test('forgets a cluster that has ended', async () => {
  const { id } = await alice.createCluster()
  await alice.post(`/clusters/${id}/stop`)
  expect((await alice.delete(`/clusters/${id}`)).status).toBe(204)
  expectProblem(await alice.get(`/clusters/${id}`), 'not-found')
})

test('stops a cluster with a worker, which stays visible until that is gone', async () => {
  const { id } = await alice.createCluster()
  await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  const answer = await alice.delete(`/clusters/${id}`)
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({ id, status: 'stopping', reason: 'stopped_by_user', ended_at: null })
  const again = await alice.delete(`/clusters/${id}`)
  expect([again.status, again.body]).toEqual([202, answer.body])
  expect((await alice.get(`/clusters/${id}`)).body).toEqual(answer.body)
  expect(await isMarkedForDeletion(id)).toBe(true)
})

test('once is enough: it is forgotten when what runs is gone, and its events stay', async () => {
  const fake = new FakeLauncher()
  const own = await startServer({ launcher: () => fake })
  try {
    const carol = await own.user()
    const { id } = await carol.createCluster({ workers: 2 })
    await own.reconcile()
    expect((await carol.delete(`/clusters/${id}`)).status).toBe(202)
    expect((await carol.get('/clusters')).body).toMatchObject([{ id, status: 'stopping' }])
    await own.reconcile()
    expectProblem(await carol.get(`/clusters/${id}`), 'not-found')
    expect(fake.of(id)).toEqual([])
    expect((await carol.get('/users/me')).body).toMatchObject({
      used: { clusters: 0, cpus: 0, memory_gib: 0 },
    })
    expect((await carol.get('/events?limit=1')).body).toMatchObject([{ cluster: id, status: 'stopped' }])
  } finally {
    await own.stop()
  }
})

test('one that is stopping already is to be forgotten at its end, too', async () => {
  const { id } = await alice.createCluster()
  await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  await alice.post(`/clusters/${id}/stop`)
  expect(await isMarkedForDeletion(id)).toBe(false)
  expect((await alice.delete(`/clusters/${id}`)).status).toBe(202)
  expect(await isMarkedForDeletion(id)).toBe(true)
})

test('never gives an id a second time, not even that of the newest', async () => {
  const first = await alice.createCluster()
  await alice.delete(`/clusters/${first.id}`)
  const second = await betty.createCluster()
  expect(second.id).toBeGreaterThan(first.id)
  await betty.delete(`/clusters/${second.id}`)
  expect((await alice.createCluster()).id).toBeGreaterThan(second.id)
})

test('answers 404 for a cluster that is gone already', async () => {
  const { id } = await alice.createCluster()
  await alice.delete(`/clusters/${id}`)
  expectProblem(await alice.delete(`/clusters/${id}`), 'not-found')
})

test('answers 404 for somebody else’s cluster just as for none, and leaves it alone', async () => {
  const administrator = await server.user({ isAdministrator: true })
  const cluster = await alice.createCluster()
  for (const caller of [betty, administrator]) {
    const theirs = await caller.delete(`/clusters/${cluster.id}`)
    expectProblem(theirs, 'not-found')
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(await caller.delete('/clusters/999999999')))
  }
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
})

test.each(['0', '01', '-1', '1.5', '1e3', '9999999999999999', '10000000000000000', '1'.repeat(8000), '%zz'])(
  'answers the same 404 for %s, which is no id',
  async id => {
    const answer = await alice.delete(`/clusters/${id}`)
    expectProblem(answer, 'not-found')
    expect(withoutRequestId(answer)).toEqual(withoutRequestId(await alice.delete('/clusters/999999999')))
  },
)
