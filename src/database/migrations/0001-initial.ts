import { sql, type Kysely } from 'kysely'
import { CLUSTER_STATUSES } from '../../domain/cluster.ts'
import { MAX_CPUS, MAX_DURATION_SECONDS, MAX_MEMORY_GIB, MAX_WORKERS } from '../../domain/limits.ts'
import { COLUMN_TYPES, type Dialect } from '../dialect.ts'

export async function up(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await createCounters(db)
  await createUsers(db, dialect)
  await createTokens(db, dialect)
  await createClusters(db, dialect)
  await createEvents(db, dialect)
  await createIdempotencyKeys(db, dialect)
}

async function createCounters(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('counters')
    .addColumn('id', 'integer', column => column.primaryKey().check(sql`id = 1`))
    .addColumn('last_user_id', 'bigint', column => column.notNull())
    .addColumn('last_token_id', 'bigint', column => column.notNull())
    .addColumn('last_cluster_id', 'bigint', column => column.notNull())
    .addColumn('last_event_id', 'bigint', column => column.notNull())
    .execute()
  await sql`insert into counters values (1, 0, 0, 0, 0)`.execute(db)
}

async function createUsers(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp, amount } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('users')
    .addColumn('id', id, column => column.primaryKey().check(sql`id > 0`))
    .addColumn('username', 'text', column => column.notNull().unique())
    .addColumn('password', 'text', column => column.notNull())
    .addColumn('is_administrator', 'integer', column =>
      column.notNull().check(sql`is_administrator in (0, 1)`),
    )
    .addColumn('disabled_at', timestamp)
    .addColumn('created_at', timestamp, column => column.notNull())
    .addColumn('used_clusters', 'integer', column =>
      column
        .notNull()
        .defaultTo(0)
        .check(sql`used_clusters >= 0`),
    )
    .addColumn('used_cpus', amount, column =>
      column
        .notNull()
        .defaultTo(0)
        .check(sql`used_cpus >= 0`),
    )
    .addColumn('used_memory_gib', amount, column =>
      column
        .notNull()
        .defaultTo(0)
        .check(sql`used_memory_gib >= 0`),
    )
    .execute()
}

async function createTokens(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('tokens')
    .addColumn('id', id, column => column.primaryKey())
    .addColumn('user_id', id, column => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('hash', 'text', column =>
      column
        .notNull()
        .unique()
        .check(sql`length(hash) = 64`),
    )
    .addColumn('created_at', timestamp, column => column.notNull())
    .addColumn('expires_at', timestamp)
    .addColumn('last_used_at', timestamp)
    .execute()
  await db.schema.createIndex('tokens_of_user').on('tokens').columns(['user_id', 'id']).execute()
}

async function createClusters(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp, amount } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('clusters')
    .addColumn('id', id, column => column.primaryKey().check(sql`id > 0`))
    .addColumn('creator_id', id, column => column.notNull().references('users.id'))
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('cpus', amount, column =>
      column.notNull().check(sql`cpus > 0 and cpus <= ${sql.lit(MAX_CPUS)}`),
    )
    .addColumn('memory', amount, column =>
      column.notNull().check(sql`memory > 0 and memory <= ${sql.lit(MAX_MEMORY_GIB)}`),
    )
    .addColumn('workers', 'integer', column => column.notNull().check(between('workers', 1, MAX_WORKERS)))
    .addColumn('runtime', 'text', column => column.notNull())
    .addColumn('command', 'text')
    .addColumn('environment', 'text', column => column.notNull())
    .addColumn('status', 'text', column => column.notNull().check(oneOf('status', CLUSTER_STATUSES)))
    .addColumn('reason', 'text', column => column.notNull())
    .addColumn('message', 'text')
    .addColumn('engine', 'text', column => column.notNull())
    .addColumn('home', 'text', column => column.notNull())
    .addColumn('ready_workers', 'integer', column =>
      column
        .notNull()
        .defaultTo(0)
        .check(sql`ready_workers >= 0`),
    )
    .addColumn('address', 'text')
    .addColumn('idle_timeout_seconds', 'integer', column =>
      column.check(between('idle_timeout_seconds', 1, MAX_DURATION_SECONDS)),
    )
    .addColumn('lifetime_seconds', 'integer', column =>
      column.check(between('lifetime_seconds', 1, MAX_DURATION_SECONDS)),
    )
    .addColumn('expires_at', timestamp)
    .addColumn('created_at', timestamp, column => column.notNull())
    .addColumn('started_at', timestamp)
    .addColumn('ready_at', timestamp)
    .addColumn('ended_at', timestamp)
    .addCheckConstraint('clusters_ended', sql`(ended_at is not null) = (status in ('stopped', 'failed'))`)
    .execute()
  // The list page walks it backwards: newest first is largest id first.
  await db.schema.createIndex('clusters_of_creator').on('clusters').columns(['creator_id', 'id']).execute()
  await db.schema
    .createIndex('clusters_ended')
    .on('clusters')
    .column('ended_at')
    .where(sql.ref('ended_at'), 'is not', null)
    .execute()
}

async function createEvents(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('events')
    .addColumn('id', id, column => column.primaryKey())
    .addColumn('cluster_id', id, column => column.notNull())
    .addColumn('creator_id', id, column => column.notNull().references('users.id'))
    .addColumn('at', timestamp, column => column.notNull())
    .addColumn('status', 'text', column => column.notNull().check(oneOf('status', CLUSTER_STATUSES)))
    .addColumn('reason', 'text', column => column.notNull())
    .addColumn('message', 'text')
    .execute()
  await db.schema.createIndex('events_of_cluster').on('events').columns(['cluster_id', 'id']).execute()
}

async function createIdempotencyKeys(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('idempotency_keys')
    .addColumn('user_id', id, column => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('key', 'text', column => column.notNull())
    .addColumn('request_hash', 'text', column => column.notNull())
    .addColumn('cluster_id', id, column => column.notNull())
    .addColumn('response', 'text', column => column.notNull())
    .addColumn('created_at', timestamp, column => column.notNull())
    .addPrimaryKeyConstraint('idempotency_keys_pk', ['user_id', 'key'])
    .execute()
  await db.schema.createIndex('idempotency_keys_age').on('idempotency_keys').column('created_at').execute()
}

function between(column: string, least: number, most: number) {
  return sql`${sql.ref(column)} between ${sql.lit(least)} and ${sql.lit(most)}`
}

export function oneOf(column: string, words: readonly string[]) {
  return sql`${sql.ref(column)} in (${sql.join(words.map(word => sql.lit(word)))})`
}
