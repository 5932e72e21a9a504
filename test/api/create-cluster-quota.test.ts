/** POST /clusters against the quota: clusters, CPUs and GiB for each user. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Caller } from '../support/caller.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer({
    settings: { CLUSTERS_QUOTA_CLUSTERS: '3', CLUSTERS_QUOTA_CPUS: '16', CLUSTERS_QUOTA_MEMORY_GIB: '64' },
  })
})
afterAll(() => server.stop())

const post = (caller: Caller, fields: Record<string, unknown>, headers: Record<string, string> = {}) =>
  caller.post('/clusters', { creator: caller.id, cpus: 1, memory: 1, ...fields }, { headers })

function expectRefusal(answer: Answer, refusal: Record<string, unknown>): void {
  expect(expectProblem(answer, 'quota-exceeded')).toMatchObject(refusal)
}

const useOf = async (caller: Caller) => ((await caller.get('/users/me')).body as { used: unknown }).used

test('takes what fits to the last CPU and GiB', async () => {
  const alice = await server.user()
  expect((await post(alice, { cpus: 4, memory: 16, workers: 4 })).status).toBe(201)
  expect(await useOf(alice)).toEqual({ clusters: 1, cpus: 16, memory_gib: 64 })
})

test('deleting a cluster gives its quota back', async () => {
  const alice = await server.user()
  const cluster = await alice.createCluster({ cpus: 16 })
  expectRefusal(await post(alice, { cpus: 1 }), { limit: 'cpus', used: 16, requested: 1, allowed: 16 })
  expect((await alice.delete(`/clusters/${cluster.id}`)).status).toBe(204)
  expect(await useOf(alice)).toEqual({ clusters: 0, cpus: 0, memory_gib: 0 })
  expect((await post(alice, { cpus: 16 })).status).toBe(201)
})

test('adds fractions as people do: 0.1 and 0.2 fit into 0.3, and come off to nothing', async () => {
  const alice = await server.user()
  const big = await alice.createCluster({ cpus: 15.7 })
  const small = [await alice.createCluster({ cpus: 0.1 }), await alice.createCluster({ cpus: 0.2 })]
  expect(await useOf(alice)).toMatchObject({ cpus: 16 })
  for (const { id } of [...small, big]) await alice.delete(`/clusters/${id}`)
  expect(await useOf(alice)).toEqual({ clusters: 0, cpus: 0, memory_gib: 0 })
})

test('counts each user alone', async () => {
  const [alice, betty] = [await server.user(), await server.user()]
  await alice.createCluster({ cpus: 16 })
  expect((await post(betty, { cpus: 16 })).status).toBe(201)
})

test('a replayed request counts once', async () => {
  const alice = await server.user()
  const key = { 'idempotency-key': 'once' }
  for (let time = 0; time < 3; time++) expect((await post(alice, { cpus: 16 }, key)).status).toBe(201)
  expect(await useOf(alice)).toMatchObject({ clusters: 1, cpus: 16 })
})

test('refuses one cluster too many', async () => {
  const alice = await server.user()
  for (let time = 0; time < 3; time++) await alice.createCluster()
  expectRefusal(await post(alice, {}), { limit: 'clusters', used: 3, requested: 1, allowed: 3 })
})

test('refuses one GiB too many, counted over all workers', async () => {
  const alice = await server.user()
  await alice.createCluster({ memory: 60 })
  const refusal = { limit: 'memory_gib', used: 60, requested: 6, allowed: 64 }
  expectRefusal(await post(alice, { memory: 2, workers: 3 }), refusal)
})

test('says in words what is allowed, used and asked for, and trims nothing', async () => {
  const alice = await server.user()
  await alice.createCluster({ cpus: 10 })
  const { detail } = expectProblem(await post(alice, { cpus: 10 }), 'quota-exceeded')
  expect(detail).toContain('Your quota allows 16 CPUs at once; you use 10 and asked for 10 more.')
  expect(await useOf(alice)).toMatchObject({ clusters: 1, cpus: 10 })
})

test('lets requests at once have no more than the quota together', async () => {
  const alice = await server.user()
  const answers = await Promise.all(Array.from({ length: 12 }, () => post(alice, { cpus: 6 })))
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(10)
  expect(await useOf(alice)).toMatchObject({ clusters: 2, cpus: 12 })
})

test('deleting one cluster twice at once gives its quota back once', async () => {
  const alice = await server.user()
  const [kept, gone] = [await alice.createCluster({ cpus: 2 }), await alice.createCluster({ cpus: 3 })]
  const answers = await Promise.all(Array.from({ length: 5 }, () => alice.delete(`/clusters/${gone.id}`)))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404, 404, 404, 404])
  expect(await useOf(alice)).toEqual({ clusters: 1, cpus: 2, memory_gib: 1 })
  await alice.delete(`/clusters/${kept.id}`)
})
