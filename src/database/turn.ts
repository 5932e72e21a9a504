import type { SqliteConnection } from './sqlite.ts'

/**
 * The reads of one event-loop turn share one read transaction: taking and dropping the lock of the WAL file
 * costs more than a lookup. The transaction never outlives its turn, so nothing read is older than the turn,
 * and other processes find the file free.
 */
export class ReadTurn {
  readonly #connection: SqliteConnection
  #open = false

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  rows(sql: string, parameters: readonly unknown[]): unknown[] {
    if (!this.#open) {
      this.#connection.exec('begin')
      this.#open = true
      setImmediate(() => {
        this.end()
      })
    }
    return this.#connection.execute(sql, parameters).rows
  }

  /** Called before and after every write as well, so that whoever saw a write answered also reads it. */
  end(): void {
    if (!this.#open) return
    this.#open = false
    this.#connection.exec('commit')
  }
}
