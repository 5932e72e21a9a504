import type { Kysely, Migration } from 'kysely'
import type { Dialect } from '../dialect.ts'
import { up as initial } from './0001-initial.ts'
import { up as workers } from './0002-workers.ts'
import { up as usage } from './0003-usage.ts'
import { up as administration } from './0004-administration.ts'
import { up as credentials } from './0005-credentials.ts'

type Up = (db: Kysely<unknown>, dialect: Dialect) => Promise<void>

/** In order. A migration that has been released is never changed: add the next one. */
const MIGRATIONS: Readonly<Record<string, Up>> = {
  '0001-initial': initial,
  '0002-workers': workers,
  '0003-usage': usage,
  '0004-administration': administration,
  '0005-credentials': credentials,
}

export const MIGRATION_NAMES = Object.keys(MIGRATIONS)

export function migrationsFor(dialect: Dialect): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, up]) => [name, { up: (db: Kysely<unknown>) => up(db, dialect) }]),
  )
}
