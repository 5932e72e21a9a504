import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

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
