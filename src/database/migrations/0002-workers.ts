import { sql, type Kysely } from 'kysely'
import { WORKER_ROLES, WORKER_STATUSES } from '../../domain/worker.ts'
import { COLUMN_TYPES, type Dialect } from '../dialect.ts'
import { oneOf } from './0001-initial.ts'

export async function up(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await db.schema
    .alterTable('clusters')
    .addColumn('deletes_on_end', 'integer', column => column.notNull().defaultTo(0))
    .execute()
  // A pass reads those of its home that have not ended, however many have.
  await db.schema
    .createIndex('clusters_live')
    .on('clusters')
    .columns(['home', 'id'])
    .where(sql.ref('ended_at'), 'is', null)
    .execute()
  await db.schema.createIndex('events_of_creator').on('events').columns(['creator_id', 'id']).execute()
  await createWorkers(db, dialect)
  await createOutputs(db, dialect)
  await createLeases(db, dialect)
}

async function createWorkers(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp, amount } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('workers')
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('cluster_id', id, column => column.notNull())
    .addColumn('creator_id', id, column => column.notNull().references('users.id'))
    .addColumn('role', 'text', column => column.notNull().check(oneOf('role', WORKER_ROLES)))
    .addColumn('seat', 'integer', column => column.notNull().check(sql`seat >= 0`))
    .addColumn('status', 'text', column => column.notNull().check(oneOf('status', WORKER_STATUSES)))
    .addColumn('is_latest', 'integer', column => column.notNull().check(sql`is_latest in (0, 1)`))
    .addColumn('attempt', 'integer', column => column.notNull())
    .addColumn('scheduler_id', 'text')
    .addColumn('cpus', amount, column => column.notNull())
    .addColumn('memory', amount, column => column.notNull())
    .addColumn('node', 'text')
    .addColumn('address', 'text')
    .addColumn('exit_code', 'integer')
    .addColumn('signal', 'text')
    .addColumn('reason', 'text')
    .addColumn('message', 'text')
    .addColumn('cpu_seconds', amount)
    .addColumn('peak_memory_bytes', amount)
    .addColumn('created_at', timestamp, column => column.notNull())
    .addColumn('started_at', timestamp)
    .addColumn('ended_at', timestamp)
    .addCheckConstraint('workers_ended', sql`(ended_at is not null) = (status = 'ended')`)
    .execute()
  // Nobody may sit on a seat twice, whatever two servers believe.
  await db.schema
    .createIndex('workers_latest')
    .unique()
    .on('workers')
    .columns(['cluster_id', 'role', 'seat'])
    .where(sql.ref('is_latest'), '=', sql.lit(1))
    .execute()
}

async function createOutputs(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, bytes } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('outputs')
    .addColumn('worker_id', 'text', column => column.primaryKey())
    .addColumn('cluster_id', id, column => column.notNull().references('clusters.id').onDelete('cascade'))
    .addColumn('output', bytes, column => column.notNull())
    .execute()
  await db.schema.createIndex('outputs_of_cluster').on('outputs').column('cluster_id').execute()
}

async function createLeases(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { timestamp } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('leases')
    .addColumn('home', 'text', column => column.primaryKey())
    .addColumn('holder', 'text', column => column.notNull())
    .addColumn('expires_at', timestamp, column => column.notNull())
    .execute()
}
