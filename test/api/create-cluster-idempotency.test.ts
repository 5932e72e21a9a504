/** POST /clusters with Idempotency-Key. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOUR_MS, SECOND_MS } from '../../src/lib/clock.ts'
import type { Caller, Cluster } from '../support/caller.ts'
import { idsOf } from '../support/pages.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
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

const post = (caller: Caller, key: string, fields: Record<string, unknown> = {}) =>
  caller.post(
    '/clusters',
    { creator: caller.id, cpus: 1, memory: 1, ...fields },
    { headers: { 'idempotency-key': key } },
  )

const count = async (caller: Caller) => idsOf(await caller.get('/clusters')).length

test('replays the first answer to the same key and body, and creates nothing twice', async () => {
  const before = await count(alice)
  const first = await post(alice, 'replay', { name: 'a', environment: { A: '1', B: '2' } })
  const again = await post(alice, 'replay', { name: 'a', environment: { A: '1', B: '2' } })
  expect(first.status).toBe(201)
  expect(again.status).toBe(201)
  expect(again.text).toBe(first.text)
  expect(again.headers['location']).toBe(first.headers['location'])
  expect(await count(alice)).toBe(before + 1)
})

test('compares what was asked for, not how it was written: order, defaults and white space do not matter', async () => {
  const first = await post(alice, 'parsed', { cpus: 2, environment: { A: '1', B: '2' } })
  const raw = `{ "environment": {"B":"2","A":"1"}, "command":null, "runtime":"idle", "workers": 1.0,
    "memory": 1e0, "cpus": 2.0, "lifetime_seconds": null, "creator": ${alice.id} }`
  const again = await alice.post('/clusters/', undefined, {
    raw,
    headers: { 'content-type': 'application/json; charset=utf-8', 'idempotency-key': 'parsed' },
  })
  expect(again.status).toBe(201)
  expect(again.text).toBe(first.text)
})

test('replays the first answer even when the cluster is gone', async () => {
  const first = await post(alice, 'gone')
  await alice.delete(`/clusters/${(first.body as Cluster).id}`)
  expect((await post(alice, 'gone')).text).toBe(first.text)
})

test('keeps the keys of users apart', async () => {
  const [hers, other] = [await post(alice, 'shared'), await post(betty, 'shared', { cpus: 2 })]
  expect([hers.status, other.status]).toEqual([201, 201])
  expect((other.body as Cluster).id).not.toBe((hers.body as Cluster).id)
})

test('forgets a key after 24 hours, and not before', async () => {
  const first = (await post(alice, 'old')).body as Cluster
  server.clock.advance(24 * HOUR_MS - 30 * SECOND_MS)
  expect((await post(alice, 'old')).body).toEqual(first)
  expectProblem(await post(alice, 'old', { cpus: 2 }), 'idempotency-conflict')
  server.clock.advance(31 * SECOND_MS)
  const second = (await post(alice, 'old', { cpus: 2 })).body as Cluster
  expect(second.id).not.toBe(first.id)
  // From then on it stands for the second.
  expect((await post(alice, 'old', { cpus: 2 })).body).toEqual(second)
  expect(expectProblem(await post(alice, 'old'), 'idempotency-conflict')['cluster']).toBe(
    `/clusters/${second.id}`,
  )
})

test('answers equal requests at once with one cluster', async () => {
  const before = await count(alice)
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(alice, 'parallel')))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(await count(alice)).toBe(before + 1)
})

test('gives different requests at once with one key one cluster, and the rest a conflict', async () => {
  const before = await count(alice)
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => post(alice, 'torn', { workers: index + 1 })),
  )
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter(status => status === 201)).toHaveLength(1)
  expect(statuses.filter(status => status === 409)).toHaveLength(9)
  expect(await count(alice)).toBe(before + 1)
})

test('takes a key again that a refused request had', async () => {
  expect((await post(alice, 'refused', { cpus: 17 })).status).toBe(400)
  expect((await post(alice, 'refused')).status).toBe(201)
})

test.each(['a', 'x'.repeat(64), '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', 'with a space'])(
  'takes the key %j',
  async key => {
    expect((await post(alice, key)).status).toBe(201)
  },
)

test('refuses another body for the same key, and names the cluster that the key created', async () => {
  const cluster = (await post(alice, 'conflict')).body as Cluster
  const problem = expectProblem(await post(alice, 'conflict', { cpus: 2 }), 'idempotency-conflict')
  expect(problem['cluster']).toBe(`/clusters/${cluster.id}`)
  expect(problem.detail).toContain(`/clusters/${cluster.id}`)
})

test.each([
  ['cpus', 2],
  ['memory', 2],
  ['name', 'x'],
  ['workers', 2],
  ['runtime', 'idle'],
  ['environment', { A: '' }],
  ['idle_timeout_seconds', 1],
  ['lifetime_seconds', 1],
])('takes a request with another %s for another one', async (field, value) => {
  const key = `differs in ${field}`
  await post(alice, key, { runtime: 'dask' })
  expectProblem(await post(alice, key, { runtime: 'dask', [field]: value }), 'idempotency-conflict')
})

test.each([
  ['empty', ''],
  ['65 characters', 'x'.repeat(65)],
  ['not ASCII', 'schlüssel'],
  ['a tab', 'a\tb'],
])('refuses a key that is %s', async (_name, key) => {
  const message = 'must be 1 to 64 printable ASCII characters'
  expect(errorsOf(await post(alice, key))).toEqual({ 'Idempotency-Key': [message] })
})
