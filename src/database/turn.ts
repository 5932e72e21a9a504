import type { SqliteConnection } from './sqlite.ts'

type Rows = readonly unknown[]

interface Waiting {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly resolve: (rows: Rows) => void
  readonly reject: (error: unknown) => void
}

/**
 * The reads of one event-loop turn, done together in one read transaction. Taking and dropping the lock of
 * the WAL file costs more than a lookup, and answers that are written one right after the other cost the
 * kernel half. The transaction is over before anybody hears of its rows, so nothing read is older than the
 * turn, no write waits for it, and other processes find the file free. Equal questions of one turn have one
 * answer: most often they ask whose token it is.
 */
export class ReadTurn {
  readonly #connection: SqliteConnection
  #waiting: Waiting[] = []

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  rows(sql: string, parameters: readonly unknown[]): Promise<Rows> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sql, parameters, resolve, reject })
      if (this.#waiting.length === 1) {
        setImmediate(() => {
          this.#readAll()
        })
      }
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#waiting.length > 0) await new Promise(resolve => setImmediate(resolve))
  }

  #readAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      this.#connection.exec('begin')
    } catch (error) {
      for (const { reject } of waiting) reject(error)
      return
    }
    const answers = new Map<string, Rows>()
    for (const { sql, parameters, resolve, reject } of waiting) {
      try {
        const question = `${sql}\n${JSON.stringify(parameters)}`
        let rows = answers.get(question)
        if (rows === undefined) {
          rows = this.#connection.execute(sql, parameters).rows
          answers.set(question, rows)
        }
        resolve(rows)
      } catch (error) {
        reject(error)
      }
    }
    this.#connection.exec('commit')
  }
}
