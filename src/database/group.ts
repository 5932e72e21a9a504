import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { ConnectionLost, Unavailable } from '../domain/errors.ts'
import type { Tables } from './tables.ts'

/**
 * Every write of this process passes through here, one transaction at a time. SQLite has one writer anyway;
 * on PostgreSQL it keeps the rows that every write locks (counters) from being fought over within a process.
 */
export class WriteQueue {
  readonly #db: Kysely<Tables>
  #last: Promise<unknown> = Promise.resolve()

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#run(work))
    this.#last = result.catch(() => undefined)
    return result
  }

  async #run<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
    let hasBegun = false
    const begin = () =>
      this.#db.transaction().execute(trx => {
        hasBegun = true
        return work(trx)
      })
    try {
      return await begin()
    } catch (error) {
      // A connection that was lost while nobody used it is found out by the first who does; nothing was done.
      if (error instanceof ConnectionLost && !hasBegun) return await begin()
      throw error
    }
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#last
  }
}

export type Outcome<Result> = { readonly value: Result } | { readonly error: Error }

interface Waiting<Request, Result> {
  readonly request: Request
  readonly resolve: (value: Result) => void
  readonly reject: (error: unknown) => void
}

/** How many requests share one transaction at most; what comes later goes into the next. */
const MAX_GROUP = 256

/**
 * Group commit. What arrives in one turn of the event loop, or while a commit is under way, goes into one
 * transaction, so that many callers share the cost of reaching the disk. `decide` answers each request in
 * its order with a value or a refusal; a refusal never reaches SQL, so it cannot touch its neighbours. When
 * `decide` fails as a whole, each request runs alone and only the guilty one fails.
 */
export class CommitGroup<Request, Result> {
  readonly #transaction: <T>(work: (trx: Transaction<Tables>) => Promise<T>) => Promise<T>
  readonly #decide: (
    trx: Transaction<Tables>,
    requests: readonly Request[],
  ) => Promise<readonly Outcome<Result>[]>
  #waiting: Waiting<Request, Result>[] = []
  #busy = false

  constructor(
    database: { transaction: <T>(work: (trx: Transaction<Tables>) => Promise<T>) => Promise<T> },
    decide: (trx: Transaction<Tables>, requests: readonly Request[]) => Promise<readonly Outcome<Result>[]>,
  ) {
    this.#transaction = work => database.transaction(work)
    this.#decide = decide
  }

  /** Resolves when the transaction that holds it is on disk. */
  add(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (!this.#busy) {
        this.#busy = true
        void this.#commitAll()
      }
    })
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Not at once: the rest of this turn's requests are still to be read from their sockets, and those that
      // were read are just being authenticated by the reads of the turn. And what was committed before, on
      // SQLite in one turn, is to be answered.
      await nextTurn()
      await nextTurn()
      await this.#commit(this.#waiting.splice(0, MAX_GROUP))
    }
    this.#busy = false
  }

  /** Never rejects: every failure goes to its caller. */
  async #commit(group: readonly Waiting<Request, Result>[]): Promise<void> {
    let decided = false
    try {
      const outcomes = await this.#transaction(async trx => {
        const result = await this.#decide(
          trx,
          group.map(({ request }) => request),
        )
        decided = true
        return result
      })
      group.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index]
        if (outcome === undefined) reject(new Error('a request of the group was not answered'))
        else if ('error' in outcome) reject(outcome.error)
        else resolve(outcome.value)
      })
    } catch (error) {
      // A failed commit may still have reached the disk: to run it again could store everything twice. And
      // where the database cannot be had, none of them is guilty, and each would wait for it again.
      if (decided || group.length === 1 || error instanceof Unavailable) {
        for (const { reject } of group) reject(error)
      } else {
        for (const one of group) {
          await this.#commit([one])
          await nextTurn()
        }
      }
    }
  }
}
