import { sql, type Kysely } from 'kysely'
import { COLUMN_TYPES, type Dialect } from '../dialect.ts'

export async function up(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { id, timestamp, amount } = COLUMN_TYPES[dialect]
  await db.schema
    .createTable('samples')
    .addColumn('cluster_id', id, column => column.notNull().references('clusters.id').onDelete('cascade'))
    .addColumn('at', timestamp, column => column.notNull())
    .addColumn('minutes', 'integer', column => column.notNull().check(sql`minutes in (1, 60)`))
    .addColumn('cpus', amount)
    .addColumn('memory_bytes', amount)
    .addPrimaryKeyConstraint('samples_key', ['cluster_id', 'at', 'minutes'])
    .execute()
  // Those that are old enough to be thinned.
  await db.schema
    .createIndex('samples_by_minute')
    .on('samples')
    .column('at')
    .where(sql.ref('minutes'), '=', sql.lit(1))
    .execute()
  // What one user has used, or one cluster.
  await db.schema
    .createIndex('workers_of_creator')
    .on('workers')
    .columns(['creator_id', 'cluster_id'])
    .execute()
}
