import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertSamples, listSamples, thinSamplesBefore, type NewSample } from '../../src/database/samples.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/lib/clock.ts'
import { sweep } from '../../src/reconcile/sweep.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

/** What clusters used, minute by minute, and what is left of it. */

let server: TestServer
let ada: Caller

beforeAll(async () => {
  server = await startServer()
  ada = await server.user()
})
afterAll(() => server.stop())

const HOUR = new Date('2026-11-23T10:00:00.000Z')
const at = (minutes: number) => new Date(HOUR.getTime() + minutes * MINUTE_MS).toISOString()
const sample = (clusterId: number, minutes: number, cpus: number | null, memoryBytes: number): NewSample => ({
  ...{ clusterId, at: at(minutes), cpus, memoryBytes },
})
const keep = (...samples: NewSample[]) =>
  server.database.transaction(trx => insertSamples(trx, server.database.dialect, samples))
const listed = async (id: number) =>
  (await listSamples(server.database, id)).map(row => [row.at, row.minutes, row.cpus, row.memoryBytes])

test('of samples a minute one an hour is left, the highest, and newer ones stay', async () => {
  const [one, other] = [await ada.createCluster(), await ada.createCluster()]
  await keep(
    ...[sample(one.id, 0, 1, 40), sample(one.id, 30, 2.5, 30), sample(one.id, 59, null, 20)],
    ...[sample(one.id, 60, 4, 10), sample(one.id, 125, 5, 10)],
    sample(other.id, 15, null, 7),
  )
  const sweepAt = (minutes: number) =>
    sweep(server.database, { now: new Date(HOUR.getTime() + minutes * MINUTE_MS), retentionDays: 30 })
  await sweepAt(24 * 60 + 59)
  expect(await listed(one.id)).toHaveLength(5)
  await sweepAt(26 * 60 + 1)
  const left = [
    [at(0), 60, 2.5, 40],
    [at(60), 60, 4, 10],
    [at(125), 1, 5, 10],
  ]
  expect(await listed(one.id)).toEqual(left)
  expect(await listed(other.id)).toEqual([[at(0), 60, null, 7]])
  await sweepAt(26 * 60 + 2)
  expect(await listed(one.id)).toEqual(left)
  await ada.delete(`/clusters/${one.id}`)
})

test('as many hours at once as are asked for', async () => {
  const { id } = await ada.createCluster()
  await keep(...[0, 60, 120].map(minutes => sample(id, minutes, 1, 1)))
  const { database } = server
  const before = new Date(HOUR.getTime() + 3 * HOUR_MS).toISOString()
  const thin = () => database.transaction(trx => thinSamplesBefore(trx, database.dialect, before, 2))
  expect(await thin()).toBe(2)
  expect(await thin()).toBe(1)
  expect(await thin()).toBe(0)
})

test('they go with their cluster, and come to none that is gone', async () => {
  const { id } = await ada.createCluster()
  await keep(sample(id, 0, 1, 1))
  await ada.delete(`/clusters/${id}`)
  expect(await listed(id)).toEqual([])
  const { id: live } = await ada.createCluster()
  await keep(sample(id, 1, 1, 1), sample(live, 1, 1, 1))
  expect([await listed(id), await listed(live)]).toEqual([[], [[at(1), 1, 1, 1]]])
})
