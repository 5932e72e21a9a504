import type { Kysely } from 'kysely'
import { COLUMN_TYPES, type Dialect } from '../dialect.ts'

export async function up(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('credentials')
    .addColumn('cluster_id', id, column => column.primaryKey().references('clusters.id').onDelete('cascade'))
    .addColumn('pem', 'text', column => column.notNull())
    .execute()
}
