import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordLaunch } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({
    settings: { CLUSTERS_QUOTA_CPUS: '10', CLUSTERS_QUOTA_MEMORY_GIB: '100', CLUSTERS_QUOTA_CLUSTERS: '2' },
  })
  alice = await server.user()
})
afterAll(() => server.stop())

const usedBy = async (caller: Caller) => ((await caller.get('/users/me')).body as { used: object }).used

test('gives a new name, a new number of workers, or both', async () => {
  const carol = await server.user()
  const cluster = await carol.createCluster({ cpus: 0.5, workers: 2 })
  const path = `/clusters/${cluster.id}`
  const renamed = await carol.patch(path, { name: 'etl' })
  expect([renamed.status, renamed.body]).toEqual([200, { ...cluster, name: 'etl' }])
  expect((await carol.patch(`${path}/`, { workers: 4 })).body).toEqual({
    ...cluster,
    name: 'etl',
    workers: 4,
  })
  const both = await carol.patch(path, { workers: 1, name: 'small' })
  expect(both.body).toEqual({ ...cluster, name: 'small', workers: 1 })
  expect((await carol.get(path)).body).toEqual(both.body)
})

test('the quota counts what it is now: more, less, and the same', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster({ cpus: 0.1, memory: 2, workers: 3 })
  for (const workers of [7, 7, 2, 100, 1]) {
    const answer = await carol.patch(`/clusters/${id}`, { workers })
    if (workers === 100) expectProblem(answer, 'quota-exceeded')
    const now = workers === 100 ? 2 : workers
    expect(await usedBy(carol)).toEqual({ clusters: 1, cpus: now / 10, memory_gib: now * 2 })
  }
  await carol.delete(`/clusters/${id}`)
  expect(await usedBy(carol)).toEqual({ clusters: 0, cpus: 0, memory_gib: 0 })
})

test('growing fills the quota to the last CPU, and is refused beyond it with the difference', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster({ cpus: 1, workers: 4 })
  await carol.createCluster({ cpus: 2 })
  const refused = expectProblem(
    await carol.patch(`/clusters/${id}`, { workers: 9, name: 'x' }),
    'quota-exceeded',
  )
  expect(refused).toMatchObject({ limit: 'cpus', used: 6, requested: 5, allowed: 10 })
  expect((await carol.get(`/clusters/${id}`)).body).toMatchObject({ name: `cluster-${id}`, workers: 4 })
  // Two clusters are all that the quota allows; it is no third.
  expect((await carol.patch(`/clusters/${id}`, { workers: 8 })).status).toBe(200)
})

test('many who grow at once never pass the quota', async () => {
  const carol = await server.user()
  const [one, other] = [await carol.createCluster(), await carol.createCluster()]
  const sizes = Array.from({ length: 30 }, (_, n) => ({
    id: n % 2 === 0 ? one.id : other.id,
    workers: 1 + (n % 9),
  }))
  await Promise.all(sizes.map(({ id, workers }) => carol.patch(`/clusters/${id}`, { workers })))
  const clusters = (await carol.get('/clusters')).body as { workers: number }[]
  const workers = clusters.reduce((sum, cluster) => sum + cluster.workers, 0)
  expect(workers).toBeLessThanOrEqual(10)
  expect(await usedBy(carol)).toEqual({ clusters: 2, cpus: workers, memory_gib: workers })
})

test('a cluster that is stopping or has ended takes a new name, and no number of workers', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster()
  await recordLaunch(server.database, { clusterId: id, creatorId: carol.id })
  await carol.post(`/clusters/${id}/stop`)
  const stopping = expectProblem(await carol.patch(`/clusters/${id}`, { workers: 1 }), 'cluster-ended')
  expect(stopping.detail).toBe('The cluster is stopping: it cannot grow or shrink any more.')
  expect((await carol.patch(`/clusters/${id}`, { name: 'going' })).body).toMatchObject({ name: 'going' })

  const ended = await carol.createCluster()
  await carol.post(`/clusters/${ended.id}/stop`)
  const answer = await carol.patch(`/clusters/${ended.id}`, { workers: 2, name: 'both' })
  expect(expectProblem(answer, 'cluster-ended').detail).toMatch(/^The cluster is stopped/)
  expect((await carol.get(`/clusters/${ended.id}`)).body).toMatchObject({ name: ended.name })
  expect((await carol.patch(`/clusters/${ended.id}`, { name: 'past' })).status).toBe(200)
})

test('workers are launched and ended, those with the highest index first', async () => {
  const fake = new FakeLauncher()
  const own = await startServer({ launcher: () => fake })
  try {
    const carol = await own.user()
    const { id } = await carol.createCluster({ workers: 2 })
    await own.reconcile()
    const [first] = fake.of(id)
    for (const workers of [5, 1]) {
      await carol.patch(`/clusters/${id}`, { workers })
      await own.reconcile()
      const indexes = fake.of(id).map(({ spec }) => spec.index)
      expect(indexes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: workers }, (_, index) => index))
      expect((await carol.get(`/clusters/${id}`)).body).toMatchObject({ workers, ready_workers: workers })
    }
    expect(fake.of(id)).toEqual([first])
  } finally {
    await own.stop()
  }
})

test('refuses more than this server can ever run, and never less than there is', async () => {
  const fake = new FakeLauncher()
  fake.capacity = { cpus: 8, memory: 1000 }
  const own = await startServer({ launcher: () => fake })
  try {
    const carol = await own.user()
    const { id } = await carol.createCluster({ cpus: 2, workers: 4 })
    const errors = errorsOf(await carol.patch(`/clusters/${id}`, { workers: 5 }))
    expect(errors['workers']?.[0]).toContain('are too many for this server')
    expect((await carol.patch(`/clusters/${id}`, { workers: 3 })).status).toBe(200)
  } finally {
    await own.stop()
  }
})

test.each([
  ['{}', { body: ['must have workers, name or both'] }],
  ['[]', { body: ['must be a JSON object'] }],
  ['{"workers":0}', { workers: ['must be at least 1'] }],
  ['{"workers":1001}', { workers: ['must be at most 1000'] }],
  ['{"workers":1.5}', { workers: ['must be a whole number'] }],
  ['{"workers":"2"}', { workers: ['must be a whole number'] }],
  ['{"workers":null}', { workers: ['must be a whole number'] }],
  ['{"name":""}', { name: ['must be 1 to 63 letters, digits, dots, dashes or underscores'] }],
  ['{"cpus":2}', { cpus: ['is not a known field'] }],
  ['{"worker":2}', { worker: ['is not a known field; did you mean workers?'] }],
  ['{"workers":2,"status":"running"}', { status: ['is not a known field'] }],
])('refuses %s', async (raw, errors) => {
  const carol = await server.user()
  const cluster = await carol.createCluster()
  const headers = { 'content-type': 'application/json' }
  expect(errorsOf(await carol.call('PATCH', `/clusters/${cluster.id}`, { raw, headers }))).toEqual(errors)
  expect((await carol.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
})

test('answers 404 for somebody else’s cluster just as for none, and leaves it alone', async () => {
  const cluster = await alice.createCluster()
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    const theirs = await caller.patch(`/clusters/${cluster.id}`, { name: 'mine' })
    expectProblem(theirs, 'not-found')
    const none = await caller.patch('/clusters/999999999', { name: 'mine' })
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(none))
  }
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
})
