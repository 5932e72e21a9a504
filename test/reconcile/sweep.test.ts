import { afterEach, beforeEach, expect, test } from 'vitest'
import { sql } from 'kysely'
import { sweep } from '../../src/reconcile/sweep.ts'
import { loadFixture } from '../../src/service/fixtures.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const DAY_MS = 24 * 60 * 60 * 1000

let server: TestServer
let ada: Caller

beforeEach(async () => {
  server = await startServer()
  ada = await server.user()
})
afterEach(() => server.stop())

/** Clusters that have ended: those of another installation come in as such. */
async function addEnded(count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, index) => ({
    ...{ model: 'launcher.cluster', pk: 1000 + index },
    fields: { creator: ada.id, cpus: 1, memory: 1 },
  }))
  await loadFixture(server.database, { text: JSON.stringify(entries), clock: server.clock.now })
}

const sweepNow = () => sweep(server.database, { now: server.clock.now(), retentionDays: 30 })

const countRows = async (table: 'clusters' | 'events' | 'tokens' | 'idempotency_keys') =>
  (await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(server.database.reads))
    .rows[0]?.n

test('a cluster that ended is forgotten after the days of retention, and not before', async () => {
  await addEnded(1)
  server.clock.advance(30 * DAY_MS - 60_000)
  expect(await sweepNow()).toEqual({ clusters: 0 })
  server.clock.advance(120_000)
  expect(await sweepNow()).toEqual({ clusters: 1 })
  expect(await countRows('clusters')).toBe(0)
})

test('a live cluster is never forgotten, however old; events outlive their clusters', async () => {
  const { id } = await ada.createCluster()
  await addEnded(2)
  server.clock.advance(4000 * DAY_MS)
  expect(await sweepNow()).toEqual({ clusters: 2 })
  const rows = await server.database.reads.selectFrom('clusters').select('id').execute()
  expect(rows).toEqual([{ id }])
  expect(await countRows('events')).toBe(3)
})

test('more clusters than one transaction takes are forgotten all the same, and their ids not given again', async () => {
  await addEnded(1201)
  server.clock.advance(31 * DAY_MS)
  expect(await sweepNow()).toEqual({ clusters: 1201 })
  const later = await server.user()
  expect((await later.createCluster()).id).toBe(2201)
})

test('expired tokens go, and those that last stay', async () => {
  const expiry = new Date(server.clock.now().getTime() + DAY_MS).toISOString()
  await ada.post('/tokens', { name: 'for a day', expires_at: expiry })
  await ada.post('/tokens', { name: 'for ever' })
  expect(await countRows('tokens')).toBe(3)
  server.clock.advance(2 * DAY_MS)
  await sweepNow()
  expect((await ada.get('/tokens')).body).toMatchObject([{ name: 'for ever' }, { name: 'login' }])
  expect(await countRows('tokens')).toBe(2)
})

test('idempotency keys go after 24 hours', async () => {
  const body = { creator: ada.id, cpus: 1, memory: 1 }
  const headers = { 'idempotency-key': 'the-key' }
  const first = await ada.post('/clusters', body, { headers })
  server.clock.advance(DAY_MS - 60_000)
  await sweepNow()
  expect((await ada.post('/clusters', body, { headers })).text).toBe(first.text)
  server.clock.advance(120_000)
  await sweepNow()
  expect(await countRows('idempotency_keys')).toBe(0)
  expect((await ada.post('/clusters', body, { headers })).body).not.toEqual(first.body)
})
