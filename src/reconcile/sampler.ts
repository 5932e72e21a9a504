import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Database } from '../database/database.ts'
import { insertSamples, updateWorkerUse } from '../database/samples.ts'
import type { WorkerId } from '../domain/worker.ts'
import { MINUTE_MS } from '../lib/clock.ts'
import { measure, type Reading } from './measure.ts'
import type { Snapshot } from './snapshot.ts'

const INTERVAL_MS = MINUTE_MS
/** What lies further back tells nothing of this minute. */
const LONGEST_MS = 3 * INTERVAL_MS
/** One transaction writes so many rows: it holds up every other write. */
const ROWS_PER_TRANSACTION = 500

/** Keeps once a minute what live clusters use. */
export class Sampler {
  readonly #database: Database
  #readings: ReadonlyMap<WorkerId, Reading> = new Map()
  #lastMs: number | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /** With what a pass has seen. Does nothing before it is due. */
  async sample(snapshot: Snapshot): Promise<void> {
    const nowMs = snapshot.now.getTime()
    if (this.#lastMs !== undefined && nowMs < this.#lastMs + INTERVAL_MS) return
    this.#lastMs = nowMs
    const { samples, uses, readings } = measure(snapshot, this.#readings, LONGEST_MS)
    this.#readings = readings
    const { dialect } = this.#database
    await this.#write(uses, (trx, some) => updateWorkerUse(trx, dialect, some))
    await this.#write(samples, (trx, some) => insertSamples(trx, dialect, some))
  }

  async #write<Row>(
    rows: readonly Row[],
    write: (trx: Parameters<typeof insertSamples>[0], some: readonly Row[]) => Promise<void>,
  ): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_PER_TRANSACTION) {
      const some = rows.slice(start, start + ROWS_PER_TRANSACTION)
      await this.#database.transaction(trx => write(trx, some))
      await nextTurn()
    }
  }
}
