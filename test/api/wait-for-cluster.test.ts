import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let fake: FakeLauncher
let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({ launcher: clock => (fake = new FakeLauncher({ clock: clock.now })) })
  alice = await server.user()
})
afterAll(() => server.stop())

/** What was answered, and after how many milliseconds. */
async function timed(asked: Promise<Answer>): Promise<Answer & { ms: number }> {
  const startedAt = performance.now()
  const answer = await asked
  return { ...answer, ms: performance.now() - startedAt }
}

const waitFor = (caller: Caller, id: number, query: string) => timed(caller.get(`/clusters/${id}?${query}`))

test('answers as soon as the cluster has the status', async () => {
  const { id } = await alice.createCluster()
  const waiting = waitFor(alice, id, 'wait_for=running')
  await sleep(300)
  await server.reconcile()
  const answer = await waiting
  expect([answer.status, answer.body]).toMatchObject([200, { id, status: 'running' }])
  expect(answer.ms).toBeGreaterThan(250)
  expect(answer.ms).toBeLessThan(3000)
})

test('answers at once when it has the status, or had it and never will again', async () => {
  const { id } = await alice.createCluster()
  await server.reconcile()
  for (const status of ['running', 'pending', 'starting']) {
    const answer = await waitFor(alice, id, `wait_for=${status}&timeout=600`)
    expect([answer.status, answer.body]).toMatchObject([200, { status: 'running' }])
    expect(answer.ms).toBeLessThan(1000)
  }
})

test('answers when the status can be reached no more: stopped will never be failed', async () => {
  const { id } = await alice.createCluster()
  const waiting = [
    waitFor(alice, id, 'wait_for=failed&timeout=600'),
    waitFor(alice, id, 'wait_for=running&timeout=600'),
    waitFor(alice, id, 'wait_for=stopped&timeout=600'),
  ]
  await sleep(100)
  await alice.post(`/clusters/${id}/stop`)
  for (const answer of await Promise.all(waiting)) expect(answer.body).toMatchObject({ status: 'stopped' })
})

test('answers with the cluster after the time, whatever it is by then', async () => {
  const { id } = await alice.createCluster()
  const answer = await waitFor(alice, id, 'wait_for=stopped&timeout=1')
  expect([answer.status, answer.body]).toMatchObject([200, { id, status: 'pending' }])
  expect(answer.ms).toBeGreaterThan(950)
  expect(answer.ms).toBeLessThan(2500)
})

test('is 404 when the cluster is forgotten meanwhile', async () => {
  const { id } = await alice.createCluster()
  await server.reconcile()
  const waiting = waitFor(alice, id, 'wait_for=stopped&timeout=600')
  await sleep(100)
  expect((await alice.delete(`/clusters/${id}`)).status).toBe(202)
  await server.reconcile()
  expectProblem(await waiting, 'not-found')
})

test('is 401 when the token dies meanwhile', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster()
  const waiting = waitFor(carol, id, 'wait_for=stopped&timeout=600')
  await sleep(100)
  await carol.post('/token/logout')
  expectProblem(await waiting, 'not-authenticated')
})

test('ends its work when the client goes', async () => {
  const { id } = await alice.createCluster()
  const openCount = async () =>
    Number(/^clusters_open_streams (\d+)$/m.exec((await alice.get('/metrics')).text)?.[1])
  const request = httpRequest(new URL(`/clusters/${id}?wait_for=stopped&timeout=600`, server.url), {
    headers: { authorization: `Token ${alice.token ?? ''}` },
  })
  request.on('error', () => undefined)
  request.end()
  await expect.poll(openCount).toBe(1)
  request.destroy()
  await expect.poll(openCount).toBe(0)
})

test('many who wait for one cluster are all answered', async () => {
  const { id } = await alice.createCluster()
  const waiting = Array.from({ length: 50 }, () => waitFor(alice, id, 'wait_for=running&timeout=30'))
  await sleep(200)
  await server.reconcile()
  for (const { body } of await Promise.all(waiting)) expect(body).toMatchObject({ status: 'running' })
  expect(fake.of(id)).toHaveLength(1)
})

test.each([
  ['wait_for=Running', 'wait_for'],
  ['wait_for=', 'wait_for'],
  ['wait_for=running&wait_for=failed', 'wait_for'],
  ['wait_for=running&timeout=0', 'timeout'],
  ['wait_for=running&timeout=601', 'timeout'],
  ['wait_for=running&timeout=1.5', 'timeout'],
  ['timeout=5', 'timeout'],
  ['wait=running', 'wait'],
])('refuses %s', async (query, field) => {
  const { id } = await alice.createCluster()
  expect(Object.keys(errorsOf(await alice.get(`/clusters/${id}?${query}`)))).toEqual([field])
})

test('somebody else waits for nothing: 404 at once', async () => {
  const { id } = await alice.createCluster()
  const answer = await waitFor(await server.user(), id, 'wait_for=running&timeout=600')
  expectProblem(answer, 'not-found')
  expect(answer.ms).toBeLessThan(1000)
})
