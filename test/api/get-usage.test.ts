/** GET /usage and GET /clusters/:id/usage. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../src/lib/clock.ts'
import type { Caller, Cluster } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let fake: FakeLauncher
let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({
    launcher: clock => (fake = new FakeLauncher({ clock: clock.now })),
    settings: {
      CLUSTERS_PRICE_CORE_HOUR: '0.05',
      CLUSTERS_PRICE_GIB_HOUR: '0.01',
      CLUSTERS_PRICE_CURRENCY: 'EUR',
    },
  })
  alice = await server.user()
})
afterAll(() => server.stop())

async function launch(caller: Caller, fields: Record<string, unknown> = {}): Promise<Cluster> {
  const cluster = await caller.createCluster(fields)
  await server.reconcile()
  return cluster
}

async function pass(ms: number): Promise<void> {
  server.clock.advance(ms)
  await server.reconcile()
}

/** Sets what all workers of a cluster have used by now, each. */
function use({ id }: Cluster, used: Parameters<FakeLauncher['use']>[1]): void {
  for (const { spec } of fake.of(id)) fake.use(spec.id, used)
}

interface Usage {
  readonly core_hours: number
  readonly [field: string]: unknown
}
const usageOf = async (caller: Caller, path: string) => (await caller.get(path)).body as Usage

/** The clock goes on by itself. */
const about = (value: number): unknown => expect.closeTo(value, 1)

describe('GET /clusters/:id/usage', () => {
  test('counts the size of the workers from their start to now, and to their end', async () => {
    const cluster = await launch(alice, { cpus: 4, memory: 8, workers: 2 })
    await pass(HOUR_MS)
    const path = `/clusters/${cluster.id}/usage`
    expect(await usageOf(alice, path)).toMatchObject({
      cluster: cluster.id,
      ...{ core_hours: about(8), gib_hours: about(16) },
      cost: { amount: about(0.56), currency: 'EUR' },
      requested: { cpus: 8, memory_gib: 16 },
    })
    await alice.post(`/clusters/${cluster.id}/stop`)
    await server.reconcile()
    await pass(HOUR_MS)
    expect(await usageOf(alice, path)).toMatchObject({ core_hours: about(8), gib_hours: about(16) })
  })

  test('says what was used of it, once a minute', async () => {
    const cluster = await launch(alice, { cpus: 8, memory: 4, workers: 2 })
    use(cluster, { cpuSeconds: 6, memoryBytes: 1024 ** 3, peakMemoryBytes: 2 * 1024 ** 3 })
    await pass(MINUTE_MS)
    use(cluster, { cpuSeconds: 66, memoryBytes: 2 * 1024 ** 3 })
    await pass(MINUTE_MS / 2)
    await pass(MINUTE_MS / 2)
    const { samples, peak } = await usageOf(alice, `/clusters/${cluster.id}/usage`)
    expect(samples).toEqual([
      { at: expect.stringMatching(/^2/) as unknown, minutes: 1, cpus: about(0.2), memory_gib: 2 },
      { at: expect.stringMatching(/^2/) as unknown, minutes: 1, cpus: about(2), memory_gib: 4 },
    ])
    expect(peak).toEqual({ cpus: about(2), memory_gib: 4, worker_memory_gib: 2 })
  })

  test('with an engine that cannot tell, that is null, and no sample', async () => {
    const cluster = await launch(alice)
    await pass(MINUTE_MS)
    expect(await usageOf(alice, `/clusters/${cluster.id}/usage`)).toMatchObject({
      used_core_hours: null,
      peak: { cpus: null, memory_gib: null, worker_memory_gib: null },
      samples: [],
    })
  })

  test('what a worker used before it was lost is not forgotten', async () => {
    const cluster = await launch(alice)
    use(cluster, { cpuSeconds: 7200 })
    await pass(2 * MINUTE_MS)
    for (const { spec } of fake.of(cluster.id)) fake.vanish(spec.id)
    await server.reconcile()
    expect(await usageOf(alice, `/clusters/${cluster.id}/usage`)).toMatchObject({ used_core_hours: 2 })
  })

  test('that of somebody else is as if it were not there', async () => {
    const cluster = await launch(alice)
    const betty = await server.user()
    const answer = await betty.get(`/clusters/${cluster.id}/usage`)
    expectProblem(answer, 'not-found')
    expect(withoutRequestId(answer)).toEqual(withoutRequestId(await betty.get('/clusters/999999/usage')))
    expect(withoutRequestId(answer)).toEqual(withoutRequestId(await betty.get('/clusters/abc/usage')))
  })
})

describe('GET /usage', () => {
  test('adds up a month, deleted clusters too, and only one’s own', async () => {
    const [carol, dave] = [await server.user(), await server.user()]
    const kept = await launch(carol, { cpus: 2, memory: 1, name: 'kept' })
    const deleted = await launch(carol, { cpus: 1, memory: 1 })
    await launch(dave, { cpus: 16, memory: 1 })
    await pass(HOUR_MS)
    await carol.delete(`/clusters/${deleted.id}`)
    await server.reconcile()
    expect((await carol.get(`/clusters/${deleted.id}`)).status).toBe(404)
    const usage = await usageOf(carol, '/usage')
    expect(usage).toMatchObject({
      month: server.clock.now().toISOString().slice(0, 7),
      ...{ core_hours: about(3), gib_hours: about(2), cost: { amount: about(0.17), currency: 'EUR' } },
      clusters: [
        { cluster: kept.id, name: 'kept', core_hours: about(2) },
        { cluster: deleted.id, name: null, core_hours: about(1) },
      ],
    })
  })

  test('what reaches over the end of a month is counted in both', async () => {
    const erin = await server.user()
    const now = server.clock.now()
    const next = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1))
    await pass(next.getTime() - HOUR_MS - now.getTime())
    const cluster = await launch(erin, { cpus: 1, memory: 1 })
    await pass(3 * HOUR_MS)
    const before = new Date(next.getTime() - 1).toISOString().slice(0, 7)
    const [last, current] = [await usageOf(erin, `/usage?month=${before}`), await usageOf(erin, '/usage')]
    expect([last.core_hours, current.core_hours]).toEqual([about(1), about(2)])
    const whole = await usageOf(erin, `/clusters/${cluster.id}/usage`)
    expect(whole.core_hours).toBeCloseTo(last.core_hours + current.core_hours, 2)
  })

  test('is nothing in a month without clusters, past or to come', async () => {
    for (const month of ['1999-12', '9998-12']) {
      expect(await usageOf(alice, `/usage?month=${month}`)).toEqual({
        ...{ month, core_hours: 0, gib_hours: 0, used_core_hours: null },
        cost: { amount: 0, currency: 'EUR' },
        clusters: [],
      })
    }
  })

  test.each(['2026-13', '2026', '2026-1', '11-2026', ''])('refuses the month %j', async month => {
    expect(errorsOf(await alice.get(`/usage?month=${month}`))).toEqual({
      month: ['must be a month such as 2026-11'],
    })
  })
})
