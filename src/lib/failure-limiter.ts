import { MINUTE_MS, SECOND_MS, type Clock } from './clock.ts'

interface Bucket {
  count: number
  readonly resetsAt: number
}

/** Distinct keys remembered at once; past that the oldest give way. */
const MAX_BUCKETS = 100_000

/**
 * Counts failures by key in windows of a minute. An attempt counts as a failure until it is forgiven, so
 * that many at once cannot slip through before the first has failed.
 */
export class FailureLimiter {
  readonly #limit: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: number, clock: Clock) {
    this.#limit = limit
    this.#clock = clock
  }

  /** How long to wait, in whole seconds, or `undefined` when the key is free. */
  findWaitSeconds(key: string): number | undefined {
    const now = this.#clock().getTime()
    const bucket = this.#buckets.get(key)
    if (bucket === undefined || bucket.resetsAt <= now || bucket.count < this.#limit) return undefined
    return Math.max(1, Math.ceil((bucket.resetsAt - now) / SECOND_MS))
  }

  /** Gives the way to forgive it. */
  count(key: string): () => void {
    const now = this.#clock().getTime()
    let bucket = this.#buckets.get(key)
    if (bucket === undefined || bucket.resetsAt <= now) {
      bucket = { count: 0, resetsAt: now + MINUTE_MS }
      this.#buckets.delete(key)
      this.#buckets.set(key, bucket)
      this.#dropOld(now)
    }
    // Of the minute it was counted in, should the next have begun.
    const counted = bucket
    counted.count += 1
    return () => {
      counted.count -= 1
    }
  }

  /** A Map keeps the order of insertion, which here is the order of ending. */
  #dropOld(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (bucket.resetsAt > now && this.#buckets.size <= MAX_BUCKETS) return
      this.#buckets.delete(key)
    }
  }
}
