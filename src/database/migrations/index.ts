import type { Kysely, Migration } from 'kysely'
import type { Dialect } from '../dialect.ts'
import * as initial from './0001-initial.ts'

interface DialectMigration {
  up(db: Kysely<unknown>, dialect: Dialect): Promise<void>
}

/** In order. A migration that has been released is never changed: add the next one. */
const MIGRATIONS: Readonly<Record<string, DialectMigration>> = {
  '0001-initial': initial,
}

export const MIGRATION_NAMES = Object.keys(MIGRATIONS)

export function migrationsFor(dialect: Dialect): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, migration]) => [
      name,
      { up: (db: Kysely<unknown>) => migration.up(db, dialect) },
    ]),
  )
}
