import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { toTimestamp } from '../../src/lib/clock.ts'
import { sweep } from '../../src/reconcile/sweep.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const COUNT = 3000
const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS
const RETENTION_DAYS = 30

let server: TestServer
let ada: Caller

beforeEach(async () => {
  server = await startServer()
  ada = await server.user()
})
afterEach(() => server.stop())

const hence = (ms: number) => toTimestamp(new Date(server.clock.now().getTime() + ms))

/** The rows `first` and the `count - 1` after it, all with the same time. */
interface Rows {
  readonly first: number
  readonly count: number
  readonly at: string
}

const numbers = ({ first, count }: Rows) =>
  sql`with recursive numbers(n) as (
    select ${first} union all select n + 1 from numbers where n < ${first + count - 1})`

async function addTokens(rows: Rows): Promise<void> {
  await server.database.transaction(trx =>
    sql`${numbers(rows)} insert into tokens (id, user_id, name, hash, created_at, expires_at)
      select n, ${ada.id}, 'many', printf('%064d', n), ${hence(-DAY_MS)}, ${rows.at} from numbers`.execute(
      trx,
    ),
  )
}

async function addKeys(rows: Rows): Promise<void> {
  await server.database.transaction(trx =>
    sql`${numbers(rows)} insert into idempotency_keys (user_id, key, request_hash, cluster_id, response, created_at)
      select ${ada.id}, n, '', n, '{}', ${rows.at} from numbers`.execute(trx),
  )
}

async function addEnded(rows: Rows): Promise<void> {
  await server.database.transaction(trx =>
    sql`${numbers(rows)} insert into clusters (id, creator_id, name, cpus, memory, workers, runtime, environment,
        status, reason, engine, home, created_at, ended_at)
      select n, ${ada.id}, 'many', 1, 1, 1, 'idle', '{}', 'stopped', 'stopped_by_user', 'none', 'none',
        ${rows.at}, ${rows.at} from numbers`.execute(trx),
  )
}

/** Past its time, and as much beside it that is not. */
async function addMuch(): Promise<void> {
  const [old, young] = [
    { first: 10_000, count: COUNT },
    { first: 20_000, count: 700 },
  ]
  await addTokens({ ...old, at: hence(-HOUR_MS) })
  await addTokens({ ...young, at: hence(HOUR_MS) })
  await addKeys({ ...old, at: hence(-25 * HOUR_MS) })
  await addKeys({ ...young, at: hence(-23 * HOUR_MS) })
  await addEnded({ ...old, at: hence(-(RETENTION_DAYS + 1) * DAY_MS) })
  await addEnded({ ...young, at: hence(-(RETENTION_DAYS - 1) * DAY_MS) })
}

const sweepNow = (database: Database) =>
  sweep(database, { now: server.clock.now(), retentionDays: RETENTION_DAYS })

async function countRows(table: 'clusters' | 'tokens' | 'idempotency_keys'): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(
    server.database.reads,
  )
  return rows[0]?.n ?? 0
}

/** A counter that goes on with the event loop until the work is done. */
async function countTurns<Result>(work: (turns: () => number) => Promise<Result>): Promise<Result> {
  let turns = 0
  let isDone = false
  const count = () => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  try {
    return await work(() => turns)
  } finally {
    isDone = true
  }
}

test('a sweep of thousands forgets all that is past its time, and nothing else', async () => {
  const { id } = await ada.createCluster()
  await addMuch()
  expect(await sweepNow(server.database)).toEqual({ clusters: COUNT })
  // The live cluster, and the token of ada's login, which lasts.
  expect(await countRows('clusters')).toBe(701)
  expect(await countRows('tokens')).toBe(701)
  expect(await countRows('idempotency_keys')).toBe(700)
  for (const table of ['clusters', 'tokens'] as const) {
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}
      where id between 10000 and 19999`.execute(server.database.reads)
    expect(rows).toEqual([{ n: 0 }])
  }
  expect((await ada.get(`/clusters/${id}`)).status).toBe(200)
  expect(await sweepNow(server.database), 'there is nothing more').toEqual({ clusters: 0 })
})

test('a sweep of thousands is many transactions, and between them other work gets its turn', async () => {
  await addMuch()
  const { database } = server
  const swept = await countTurns(async turns => {
    const transactions: { rows: number; turn: number }[] = []
    const watched: Database = {
      ...database,
      transaction: async work => {
        const result = await database.transaction(work)
        transactions.push({ rows: Number(result), turn: turns() })
        return result
      },
    }
    await sweepNow(watched)
    return transactions
  })
  expect(swept.reduce((sum, { rows }) => sum + rows, 0)).toBe(3 * COUNT)
  const large = swept.filter(({ rows }) => rows > 0)
  expect(large.length).toBeGreaterThan(9)
  large.slice(1).forEach(({ turn }, index) => {
    expect(turn, `after transaction ${index}`).toBeGreaterThan(large[index]?.turn ?? 0)
  })
})

test('a read and a write that are asked for during a sweep are done before it ends', async () => {
  await addMuch()
  const { database } = server
  const order: string[] = []
  const sweeping = sweepNow(database).then(() => order.push('swept'))
  await nextTurn()
  const others = [
    database.reads
      .selectFrom('users')
      .select('id')
      .execute()
      .then(() => order.push('read')),
    database
      .transaction(trx =>
        trx.updateTable('users').set({ disabled_at: null }).where('id', '=', ada.id).execute(),
      )
      .then(() => order.push('written')),
  ]
  await Promise.all([sweeping, ...others])
  expect(order.at(-1)).toBe('swept')
  expect(order.toSorted()).toEqual(['read', 'swept', 'written'])
})

test('creates over HTTP beside a sweep all succeed', async () => {
  await addMuch()
  const sweeping = sweepNow(server.database)
  const created = await Promise.all(Array.from({ length: 50 }, () => ada.createCluster()))
  expect(await sweeping).toEqual({ clusters: COUNT })
  expect(await countRows('clusters')).toBe(700 + created.length)
})
