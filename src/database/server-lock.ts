import { accessSync, constants } from 'node:fs'
import { OperatorError } from '../domain/errors.ts'
import { loadSqlite } from './sqlite.ts'

/**
 * Lets one server at a time work on a SQLite database. The lock is an exclusive transaction on a file beside
 * it: the kernel frees it when the process ends, however it ends, and operators' commands, which open only
 * the database itself, are not shut out. Throws an `OperatorError` when another server has it.
 */
export function lockForServer(databasePath: string): { release(): void } {
  const { DatabaseSync } = loadSqlite()
  const path = `${databasePath}.lock`
  const handle = openOrRefuse(() => new DatabaseSync(path), path)
  try {
    // What can only be read, SQLite locks for reading, and so can the next server.
    accessSync(path, constants.W_OK)
    handle.exec('begin exclusive')
  } catch (error) {
    handle.close()
    const isTaken = error instanceof Error && /locked/.test(error.message)
    if (!isTaken) throw refusal(path, error)
    throw new OperatorError(
      `Another server works on ${databasePath} already; stop it first, or give this one another CLUSTERS_DATA_DIR.`,
    )
  }
  return {
    release() {
      handle.close()
    },
  }
}

function openOrRefuse<Handle>(open: () => Handle, path: string): Handle {
  try {
    return open()
  } catch (error) {
    throw refusal(path, error)
  }
}

function refusal(path: string, error: unknown): OperatorError {
  const why = error instanceof Error ? error.message : 'unknown'
  return new OperatorError(`The lock of the database, ${path}, cannot be taken: ${why}.`)
}
