import { OperatorError } from '../domain/errors.ts'
import { loadSqlite } from './sqlite.ts'

/**
 * Lets one server at a time work on a SQLite database. The lock is an exclusive transaction on a file beside
 * it: the kernel frees it when the process ends, however it ends, and operators' commands, which open only
 * the database itself, are not shut out. Throws an `OperatorError` when another server has it.
 */
export function lockForServer(databasePath: string): { release(): void } {
  const { DatabaseSync } = loadSqlite()
  const handle = new DatabaseSync(`${databasePath}.lock`)
  try {
    handle.exec('begin exclusive')
  } catch (error) {
    handle.close()
    const isTaken = error instanceof Error && /locked/.test(error.message)
    if (!isTaken) throw error
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
