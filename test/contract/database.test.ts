import { join } from 'node:path'
import { sql, type Insertable, type Kysely } from 'kysely'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { MIGRATION_NAMES } from '../../src/database/migrations/index.ts'
import { openDatabase, type DatabaseLocation } from '../../src/database/open.ts'
import type { Tables } from '../../src/database/tables.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startServer, testDatabase, type TestServer } from '../support/start-server.ts'
import { createFolder } from '../support/spawn.ts'

let server: TestServer
let database: Database

beforeAll(async () => {
  server = await startServer()
  database = server.database
  await server.user()
})
afterAll(() => server.stop())

const NOW = '2026-11-23T10:00:00.000Z'

const GOOD_CLUSTER = {
  id: 1000,
  creator_id: 1,
  name: 'a-name',
  cpus: 1,
  memory: 1,
  workers: 1,
  runtime: 'idle',
  command: null,
  environment: '{}',
  status: 'pending',
  reason: 'none_configured',
  message: null,
  engine: 'none',
  home: 'none',
  ready_workers: 0,
  address: null,
  idle_timeout_seconds: null,
  lifetime_seconds: null,
  expires_at: null,
  created_at: NOW,
  started_at: null,
  ready_at: null,
  ended_at: null,
} as const

const GOOD_USER = {
  id: 1000,
  username: 'somebody',
  password: '!',
  is_administrator: 0,
  disabled_at: null,
  created_at: NOW,
  used_clusters: 0,
  used_cpus: 0,
  used_memory_gib: 0,
} as const

const GOOD_TOKEN = {
  id: 1000,
  user_id: 1,
  name: 'nightly',
  hash: 'f'.repeat(64),
  created_at: NOW,
  expires_at: null,
  last_used_at: null,
} as const

const GOOD_EVENT = {
  id: 1000,
  cluster_id: 5,
  creator_id: 1,
  at: NOW,
  status: 'pending',
  reason: 'none_configured',
  message: null,
} as const

const GOOD_KEY = {
  user_id: 1,
  key: 'k',
  request_hash: 'h',
  cluster_id: 5,
  response: '{}',
  created_at: NOW,
} as const

const GOOD = {
  clusters: GOOD_CLUSTER,
  users: GOOD_USER,
  tokens: GOOD_TOKEN,
  events: GOOD_EVENT,
  idempotency_keys: GOOD_KEY,
} as const

/** Tries the row and takes it back; resolves to whether the database would have it. */
async function accepts(table: keyof typeof GOOD, fields: object): Promise<boolean> {
  const takenBack = new Error('taken back')
  const row = { ...GOOD[table], ...fields } as unknown as Insertable<Tables[typeof table]>
  const error: unknown = await database
    .transaction(async trx => {
      await trx.insertInto(table).values(row).execute()
      throw takenBack
    })
    .catch((reason: unknown) => reason)
  return error === takenBack
}

test.each(Object.keys(GOOD) as (keyof typeof GOOD)[])('a good row goes into %s', async table => {
  expect(await accepts(table, {})).toBe(true)
})

// SQLite numbers a row that comes without an id by itself; ours never do.
const NO_ID = testDatabase() === 'postgres' ? [null] : []

const BAD: readonly [keyof typeof GOOD, string, readonly unknown[]][] = [
  ['clusters', 'id', [0, -1, ...NO_ID]],
  ['clusters', 'creator_id', [999, null]],
  ['clusters', 'name', [null]],
  ['clusters', 'cpus', [0, -1, 16.000001, 17, null, 'NaN', 'Infinity']],
  ['clusters', 'memory', [0, -0.5, 128.000001, 129, null, 'NaN', 'Infinity']],
  ['clusters', 'workers', [0, -1, 1001, null]],
  ['clusters', 'runtime', [null]],
  ['clusters', 'environment', [null]],
  ['clusters', 'status', ['', 'unknown', 'Pending', null]],
  // Ended without a time.
  ['clusters', 'status', ['stopped', 'failed']],
  // A time without an end.
  ['clusters', 'ended_at', [NOW]],
  ['clusters', 'reason', [null]],
  ['clusters', 'engine', [null]],
  ['clusters', 'home', [null]],
  ['clusters', 'ready_workers', [-1, null]],
  ['clusters', 'idle_timeout_seconds', [0, -1, 31_536_001]],
  ['clusters', 'lifetime_seconds', [0, -1, 31_536_001]],
  ['clusters', 'created_at', [null]],
  ['users', 'id', [0, -1, 1, ...NO_ID]],
  ['users', 'username', [null]],
  ['users', 'password', [null]],
  ['users', 'is_administrator', [2, -1, null]],
  ['users', 'used_clusters', [-1, null]],
  ['users', 'used_cpus', [-0.5, null]],
  ['users', 'used_memory_gib', [-0.5, null]],
  ['users', 'created_at', [null]],
  ['tokens', 'id', NO_ID],
  ['tokens', 'user_id', [999, null]],
  ['tokens', 'hash', ['f'.repeat(63), '', null]],
  ['tokens', 'name', [null]],
  ['events', 'id', NO_ID],
  ['events', 'creator_id', [999, null]],
  ['events', 'cluster_id', [null]],
  ['events', 'status', ['unknown', null]],
  ['events', 'reason', [null]],
  ['idempotency_keys', 'user_id', [999, null]],
  ['idempotency_keys', 'key', [null]],
  ['idempotency_keys', 'response', [null]],
]

test.each(BAD)('%s refuses a bad %s from whoever writes it: %j', async (table, column, values) => {
  for (const value of values) {
    expect(await accepts(table, { [column]: value }), String(value)).toBe(false)
  }
})

test('at the bounds, clusters are accepted', async () => {
  for (const fields of [
    { cpus: 16, memory: 128, workers: 1000, idle_timeout_seconds: 31_536_000, lifetime_seconds: 31_536_000 },
    { cpus: 0.000001, memory: 0.000001, workers: 1, idle_timeout_seconds: 1, lifetime_seconds: 1 },
    { status: 'stopped', reason: 'completed', ended_at: NOW },
    { status: 'failed', reason: 'out_of_memory', ended_at: NOW },
  ]) {
    expect(await accepts('clusters', fields), JSON.stringify(fields)).toBe(true)
  }
})

/** In the words of either database. */
const REFUSED = /constraint/i

test('there is one row of counters, and no second', async () => {
  const second = (id: number | null) =>
    database.transaction(trx => sql`insert into counters values (${id}, 0, 0, 0, 0, 0)`.execute(trx))
  await expect(second(1)).rejects.toThrow(REFUSED)
  await expect(second(2)).rejects.toThrow(REFUSED)
  await expect(second(null)).rejects.toThrow(REFUSED)
})

test('a user who has clusters cannot be deleted; tokens and idempotency keys go with their user', async () => {
  const user = await server.user()
  await user.createCluster()
  const remove = (id: number) =>
    database.transaction(trx => trx.deleteFrom('users').where('id', '=', id).execute())
  await expect(remove(user.id)).rejects.toThrow(/foreign key/i)
  expect((await user.get('/clusters')).status).toBe(200)

  const gone = await server.user()
  await remove(gone.id)
  const tokens = await database.reads
    .selectFrom('tokens')
    .select('id')
    .where('user_id', '=', gone.id)
    .execute()
  expect(tokens).toEqual([])
  expect((await gone.get('/clusters')).status).toBe(401)
})

/** All that the database knows of itself. */
async function describeDatabase(db: Kysely<Tables>): Promise<unknown> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  const migrations = await sql`select * from kysely_migration`.execute(db)
  const counters = await db.selectFrom('counters').selectAll().execute()
  const users = await db.selectFrom('users').selectAll().execute()
  return { tables, migrations: migrations.rows, counters, users }
}

async function createLocation(): Promise<DatabaseLocation> {
  if (testDatabase() === 'sqlite') return { kind: 'sqlite', path: join(createFolder(), 'clusters.db') }
  return { kind: 'postgres', url: await createTestDatabase(inject('postgresUrl') ?? '') }
}

test('opening a database a second time changes nothing', async () => {
  const location = await createLocation()
  const first = await openDatabase(location)
  const before = await describeDatabase(first.reads)
  expect(before).toMatchObject({
    migrations: MIGRATION_NAMES.map(name => ({ name })),
    counters: [{ id: 1, last_user_id: 0 }],
  })
  const second = await openDatabase(location)
  expect(await describeDatabase(second.reads)).toEqual(before)
  await first.close()
  await second.close()
})
