import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Database } from './database/database.ts'
import { openDatabase, type DatabaseLocation } from './database/open.ts'
import { OperatorError, Unavailable } from './domain/errors.ts'
import { errorCodeOf } from './lib/error-code.ts'

/** Where the data is kept, for server and operators alike; every failure is one sentence for the operator. */

/** For us alone: it holds password hashes. Throws an `OperatorError` when it cannot be. */
export function prepareDataDir(dataDir: string, database: DatabaseLocation): void {
  // Whatever is created from here on is for us alone as well, the database above all.
  process.umask(0o077)
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    if ((statSync(dataDir).mode & 0o777) !== 0o700) closeToOthers(dataDir, database)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    if (existsSync(dataDir) && !statSync(dataDir).isDirectory()) {
      throw new OperatorError(`CLUSTERS_DATA_DIR is ${dataDir}, which is not a folder.`)
    }
    throw new OperatorError(
      `The data folder ${dataDir} cannot be written (${errorCodeOf(error)}): mend its permissions, or set CLUSTERS_DATA_DIR.`,
    )
  }
}

/** Only a folder of ours: to close /tmp or a home to everybody else would do more harm than good. */
function closeToOthers(dataDir: string, database: DatabaseLocation): void {
  const isOurs = (name: string) =>
    database.kind === 'sqlite' &&
    dirname(database.path) === resolve(dataDir) &&
    name.startsWith(basename(database.path))
  const others = readdirSync(dataDir).filter(name => !isOurs(name))
  if (others.length > 0) {
    throw new OperatorError(
      `The data folder ${dataDir} is open to other users and holds more than the database (${others[0]}): ` +
        `set CLUSTERS_DATA_DIR to a folder of its own, or run "chmod 700 ${dataDir}".`,
    )
  }
  chmodSync(dataDir, 0o700)
}

/** Opens the database; every failure becomes an `OperatorError` that names it. */
export async function openForOperator(location: DatabaseLocation): Promise<Database> {
  demandFolder(location)
  demandWritable(location)
  try {
    return await openDatabase(location)
  } catch (error) {
    if (error instanceof OperatorError || !(error instanceof Error)) throw error
    const cause = error instanceof Unavailable && error.cause instanceof Error ? error.cause : error
    const why = cause.message === '' ? 'no connection' : cause.message
    throw new OperatorError(
      `The database ${describeLocation(location)} (CLUSTERS_DATABASE) cannot be opened: ${why}.`,
    )
  }
}

function demandWritable(location: DatabaseLocation): void {
  if (location.kind !== 'sqlite' || !existsSync(location.path)) return
  try {
    accessSync(location.path, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw new OperatorError(
      `The database ${location.path} cannot be written (${errorCodeOf(error)}): mend its permissions.`,
    )
  }
}

/** Throws an `OperatorError` when the folder of a SQLite file does not exist. */
export function demandFolder(location: DatabaseLocation): void {
  if (location.kind !== 'sqlite' || existsSync(dirname(location.path))) return
  throw new OperatorError(
    `The folder of the database ${location.path} (CLUSTERS_DATABASE) does not exist: create it first.`,
  )
}

/** Without user and password, and without parameters, which may hold one as well. */
export function describeLocation(location: DatabaseLocation): string {
  if (location.kind === 'sqlite') return location.path
  try {
    const { host, pathname } = new URL(location.url)
    return `postgres://${host}${pathname}`
  } catch {
    // Where the password ends in what is no URL, nobody knows.
    return 'postgres://...'
  }
}
