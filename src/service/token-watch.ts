import type { Database } from '../database/database.ts'
import { NotAuthenticated } from '../domain/errors.ts'
import { SECOND_MS } from '../lib/clock.ts'

/** An expiry is no change, and word of a change may be lost. */
const CHECK_INTERVAL_MS = 3 * SECOND_MS
/** However much changes, tokens are looked at no more often. */
const LEAST_INTERVAL_MS = SECOND_MS

interface Watched {
  readonly check: () => Promise<unknown>
  readonly listeners: Set<() => void>
}

/** Looks again and again at the tokens of answers that go on for long. */
export class TokenWatch {
  readonly #database: Pick<Database, 'onChange'>
  readonly #watched = new Map<number, Watched>()
  #end: (() => void) | undefined
  #lastAt = 0
  #isChecking = false
  #timer: NodeJS.Timeout | undefined

  constructor(database: Pick<Database, 'onChange'>) {
    this.#database = database
  }

  /**
   * Calls `onDead` soon after `check` has begun to reject with `NotAuthenticated`: the token is revoked or expired, or
   * its user disabled. Many who watch one token share a check. The returned function ends it.
   */
  add(tokenId: number, check: () => Promise<unknown>, onDead: () => void): () => void {
    const watched = this.#watched.get(tokenId) ?? { check, listeners: new Set() }
    this.#watched.set(tokenId, watched)
    watched.listeners.add(onDead)
    this.#end ??= this.#begin()
    return () => {
      watched.listeners.delete(onDead)
      if (watched.listeners.size === 0 && this.#watched.get(tokenId) === watched)
        this.#watched.delete(tokenId)
      if (this.#watched.size > 0) return
      this.#end?.()
      this.#end = undefined
    }
  }

  #begin(): () => void {
    const unsubscribe = this.#database.onChange(() => {
      this.#checkSoon()
    })
    const interval = setInterval(() => void this.#checkAll(), CHECK_INTERVAL_MS).unref()
    return () => {
      clearInterval(interval)
      clearTimeout(this.#timer)
      this.#timer = undefined
      unsubscribe()
    }
  }

  #checkSoon(): void {
    const restMs = this.#lastAt + LEAST_INTERVAL_MS - performance.now()
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        void this.#checkAll()
      },
      Math.max(0, restMs),
    ).unref()
  }

  /** Never rejects. */
  async #checkAll(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    this.#lastAt = performance.now()
    await Promise.all([...this.#watched.values()].map(checkOne))
    this.#isChecking = false
  }
}

/** Where the database cannot be had, the token stays what it was. */
async function checkOne({ check, listeners }: Watched): Promise<void> {
  try {
    await check()
  } catch (error) {
    if (!(error instanceof NotAuthenticated)) return
    for (const listener of listeners) listener()
  }
}
