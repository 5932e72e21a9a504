import { Migrator, sql, type Kysely, type Transaction } from 'kysely'
import { OperatorError } from '../domain/errors.ts'
import type { Dialect } from './dialect.ts'
import { MIGRATION_NAMES, migrationsFor } from './migrations/index.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Tables } from './tables.ts'

export interface Database {
  readonly dialect: Dialect
  /** For reads; what one reads is at most one event-loop turn old. */
  readonly reads: Kysely<Tables>
  /** A read of a hot path, compiled beforehand (prepare.ts). */
  read<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]>
  /**
   * A write. Resolves when it is on disk. Transactions run one at a time in this process; `work` must use
   * `trx` alone, and wait for nothing but the database, for it holds up every other write.
   */
  transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T>
  /** Waits for the writes that were begun. */
  close(): Promise<void>
}

/** What the two openers give: with the handle that migrations write through. */
export interface OpenedDatabase extends Database {
  readonly writes: Kysely<Tables>
}

/** Where a database is: a file, or a PostgreSQL URL. */
export type DatabaseLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string }

/** Opens a database and brings its schema up to date. Rejects with an `OperatorError` when it is newer. */
export async function openDatabase(location: DatabaseLocation): Promise<Database> {
  const database = location.kind === 'sqlite' ? openSqlite(location.path) : openPostgres(location.url)
  try {
    await migrate(database)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
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
  if (error !== undefined) throw error
}

/** In the order they were applied; empty for a new database. */
async function listAppliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(table => table.name === 'kysely_migration')) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(row => row.name)
}
