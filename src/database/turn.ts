type Rows = readonly unknown[]

/** What it needs of a connection. */
interface Connection {
  exec(sql: string): void
  endRead(): void
  execute(sql: string, parameters: readonly unknown[]): { readonly rows: Rows }
}

interface Waiting {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly resolve: (rows: Rows) => void
  readonly reject: (error: unknown) => void
}

/** So many answers are kept at most, and only small ones: lookups, and pages as small. With the most, 40 MB. */
const MAX_KEPT = 10_000
const MAX_KEPT_LENGTH = 4096

/**
 * The reads of one event-loop turn, done together in one read transaction. Taking and dropping the lock of
 * the WAL file costs more than a lookup, and answers that are written one right after the other cost the
 * kernel half. The transaction is over before anybody hears of its rows, so nothing read is older than the
 * turn, no write waits for it, and other processes find the file free.
 *
 * The answer to an equal question is kept for as long as the database is what it was: a write of this
 * connection says so itself, and every transaction first asks SQLite for its data version, which any commit of
 * another connection changes, in this process or in another. So no answer is ever staler than reading it
 * again would be.
 */
export class ReadTurn {
  readonly #connection: Connection
  #waiting: Waiting[] = []
  /** By text, then by parameters. */
  readonly #kept = new Map<string, Map<string, Rows>>()
  #keptCount = 0
  /** SQLite's own, for what others write. */
  #dataVersion: unknown
  /** How often something was written, here or by others. */
  #version = 0
  #isWriting = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  rows(sql: string, parameters: readonly unknown[]): Promise<Rows> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sql, parameters, resolve, reject })
      if (this.#waiting.length === 1 && !this.#isWriting) setImmediate(this.#readAll)
    })
  }

  /** The same as before while nobody has written since. */
  async version(): Promise<number> {
    await this.rows('select 1', [])
    return this.#version
  }

  /** The connection is in a write transaction from now on: reads wait, or they would see what is not committed. */
  beginWrite(): void {
    this.#isWriting = true
  }

  endWrite(): void {
    this.#isWriting = false
    this.#version += 1
    this.#forget()
    if (this.#waiting.length > 0) setImmediate(this.#readAll)
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#waiting.length > 0) await new Promise(resolve => setImmediate(resolve))
  }

  readonly #readAll = (): void => {
    if (this.#isWriting) return
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 0) return
    const answers: (() => void)[] = []
    try {
      this.#connection.exec('begin')
      try {
        this.#forgetIfChanged()
        for (const one of waiting) answers.push(this.#answerOne(one))
      } finally {
        this.#connection.endRead()
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
      return
    }
    for (const answer of answers) answer()
  }

  #answerOne({ sql, parameters, resolve, reject }: Waiting): () => void {
    try {
      const rows = this.#answer(sql, parameters)
      return () => {
        resolve(rows)
      }
    } catch (error) {
      return () => {
        reject(error)
      }
    }
  }

  /** Opens the transaction's snapshot, too: what follows is read from just this version. */
  #forgetIfChanged(): void {
    const [row] = this.#connection.execute('pragma data_version', []).rows
    const dataVersion = (row as { data_version: unknown }).data_version
    const isUnchanged = dataVersion === this.#dataVersion
    if (isUnchanged && this.#keptCount < MAX_KEPT) return
    if (!isUnchanged) this.#version += 1
    this.#dataVersion = dataVersion
    this.#forget()
  }

  #forget(): void {
    this.#kept.clear()
    this.#keptCount = 0
  }

  #answer(sql: string, parameters: readonly unknown[]): Rows {
    let ofText = this.#kept.get(sql)
    if (ofText === undefined) {
      ofText = new Map()
      this.#kept.set(sql, ofText)
    }
    const [first] = parameters
    const key = parameters.length === 1 && typeof first === 'string' ? first : JSON.stringify(parameters)
    const kept = ofText.get(key)
    if (kept !== undefined) return kept
    const { rows } = this.#connection.execute(sql, parameters)
    if (isSmall(rows)) {
      ofText.set(key, rows)
      this.#keptCount += 1
    }
    return rows
  }
}

function isSmall(rows: Rows): boolean {
  const [row] = rows
  if (typeof row !== 'object' || row === null || rows.length > 1) return rows.length === 0
  let length = 0
  for (const value of Object.values(row)) length += lengthOf(value)
  return length <= MAX_KEPT_LENGTH
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
}
