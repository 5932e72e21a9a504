import type { Database } from '../database/database.ts'
import { releaseLease, takeLease } from '../database/lease.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { randomText } from '../lib/id.ts'

/** A dead server's home is served again after at most the sum of both. */
const LEASE_SECONDS = 6
const RENEW_MS = 2 * SECOND_MS

/** Keeps the lease of a home while the server lives: exactly one server runs the passes. */
export class LeaseHolder {
  readonly home: string
  readonly holder = randomText(12)
  readonly #database: Database
  readonly #onTaken: () => void
  readonly #onError: (error: unknown) => void
  /** In milliseconds of `performance.now()`: a clock that is set must not make it last. */
  #heldUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    database: Database,
    options: { home: string; onTaken: () => void; onError: (error: unknown) => void },
  ) {
    this.#database = database
    this.home = options.home
    this.#onTaken = options.onTaken
    this.#onError = options.onError
  }

  get isHeld(): boolean {
    return performance.now() < this.#heldUntilMs
  }

  /** Resolves when it was asked for the first time. */
  async start(): Promise<void> {
    await this.take()
    this.#timer = setInterval(() => void this.take(), RENEW_MS).unref()
  }

  /** Takes it, or makes it longer. Never rejects: while the database does not answer it runs out by itself. */
  take(): Promise<unknown> {
    this.#last = this.#last.then(() => this.#take())
    return this.#last
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
    if (!this.isHeld) return
    this.#heldUntilMs = 0
    // Another one takes it later in any case.
    await releaseLease(this.#database, this).catch(this.#onError)
  }

  async #take(): Promise<void> {
    const wasHeld = this.isHeld
    // From before the database answers: it counts from no earlier.
    const until = performance.now() + LEASE_SECONDS * SECOND_MS
    try {
      const { home, holder } = this
      const isTaken = await takeLease(this.#database, { home, holder, seconds: LEASE_SECONDS })
      this.#heldUntilMs = isTaken ? until : 0
      if (isTaken && !wasHeld) this.#onTaken()
    } catch (error) {
      this.#onError(error)
    }
  }
}
