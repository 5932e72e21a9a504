import { Migrator, sql, type Kysely } from 'kysely'
import { OperatorError } from '../domain/errors.ts'
import type { Database, OpenedDatabase } from './database.ts'
import { MIGRATION_NAMES, migrationsFor } from './migrations/index.ts'
import { openSqlite } from './sqlite.ts'
import type { Tables } from './tables.ts'

/** Where a database is: a file, or a PostgreSQL URL. */
export type DatabaseLocation =
  { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'postgres'; readonly url: string }

/** Opens a database and brings its schema up to date. Rejects with an `OperatorError` when it is newer. */
export async function openDatabase(location: DatabaseLocation): Promise<Database> {
  const database =
    location.kind === 'sqlite' ? openSqlite(location.path) : await openPostgresLazily(location.url)
  try {
    await migrate(database)
    database.settle()
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** A server on SQLite starts without the driver. */
async function openPostgresLazily(url: string): Promise<OpenedDatabase> {
  const { openPostgres } = await import('./postgres.ts')
  return openPostgres(url)
}

async function migrate(database: OpenedDatabase): Promise<void> {
  const applied = await listAppliedMigrations(database.writes)
  const unknown = applied.find(name => !MIGRATION_NAMES.includes(name))
  if (unknown !== undefined) {
    throw new OperatorError(
      `The database was written by a newer version of clusters (it has the migration ${unknown}): ` +
        'start that version, or restore a backup from before the upgrade.',
    )
  }
  if (applied.length === MIGRATION_NAMES.length) return
  const migrations = migrationsFor(database.dialect)
  const provider = { getMigrations: () => Promise.resolve(migrations) }
  const { error } = await new Migrator({ db: database.writes, provider }).migrateToLatest()
  if (error !== undefined) {
    throw error instanceof Error ? error : new Error('the migration failed', { cause: error })
  }
}

/** In the order they were applied; empty for a new database. */
async function listAppliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(table => table.name === 'kysely_migration')) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(row => row.name)
}
