import type { Kysely, Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import type { Tables } from './tables.ts'

export interface Database {
  readonly dialect: Dialect
  /** For reads; what one reads is at most one event-loop turn old. */
  readonly reads: Kysely<Tables>
  /** A read of a hot path, compiled beforehand (prepare.ts). */
  read<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]>
  /**
   * The same as an earlier one while nobody has written since, here or in another process: what was read after that is
   * then what reading it again would give. `undefined`: this database cannot tell.
   */
  version(): Promise<number | undefined>
  /**
   * A write. Resolves when it is on disk. Transactions run one at a time in this process; `work` must use
   * `trx` alone, and wait for nothing but the database, for it holds up every other write.
   */
  transaction<T>(work: (trx: Transaction<Tables>) => Promise<T>): Promise<T>
  /** Clusters, workers or tokens have changed, and it is on disk: says so in this process and to other servers. */
  announceChange(): void
  /**
   * Calls `listener` soon after every change that was announced, here or by another server; several changes may
   * become one call. It may miss one while a connection is down, so whoever listens looks now and then by itself.
   * The returned function ends it.
   */
  onChange(listener: () => void): () => void
  /** Waits for the writes that were begun. */
  close(): Promise<void>
}

/** What the two openers give: with the handle that migrations write through. */
export interface OpenedDatabase extends Database {
  readonly writes: Kysely<Tables>
  /** The schema is up to date: from now on nothing may keep the whole process waiting. */
  settle(): void
}
