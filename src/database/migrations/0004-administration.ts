import type { Kysely } from 'kysely'
import { COLUMN_TYPES, type Dialect } from '../dialect.ts'

export async function up(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp } = COLUMN_TYPES[dialect]
  await db.schema.alterTable('users').addColumn('quota', 'text').execute()
  await db.schema
    .alterTable('counters')
    .addColumn('last_audit_id', 'bigint', column => column.notNull().defaultTo(0))
    .execute()
  await db.schema
    .createTable('audit')
    .addColumn('id', id, column => column.primaryKey())
    .addColumn('at', timestamp, column => column.notNull())
    .addColumn('administrator_id', id, column => column.notNull().references('users.id'))
    .addColumn('action', 'text', column => column.notNull())
    .addColumn('user_id', id, column => column.notNull().references('users.id'))
    .addColumn('cluster_id', id)
    .addColumn('details', 'text')
    .execute()
}
