import type { Database } from '../database/database.ts'
import { findLastEventId, listEventTraces } from '../database/event-json.ts'
import { SECOND_MS } from '../lib/clock.ts'

/** Word of a change may be lost on its way, so it looks by itself, too. */
const LOOK_INTERVAL_MS = 3 * SECOND_MS
const TRACES_PER_LOOK = 500

/**
 * Tells users' streams that there is something new for them. One look for all of them: a stream for whose user
 * nothing happens costs nothing, however much happens for others.
 */
export class EventWatch {
  readonly #database: Database
  readonly #listeners = new Map<number, Set<() => void>>()
  /** All events up to this one were told. */
  #position: number | undefined
  #end: (() => void) | undefined
  #isLooking = false
  #isToLookAgain = false

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Calls `listener` soon after each event of a cluster of the user, and sometimes without one. Whoever subscribes
   * reads afterwards, and misses nothing. The returned function ends it.
   */
  subscribe(userId: number, listener: () => void): () => void {
    const ofUser = this.#listeners.get(userId) ?? new Set()
    this.#listeners.set(userId, ofUser)
    ofUser.add(listener)
    this.#end ??= this.#begin()
    return () => {
      ofUser.delete(listener)
      if (ofUser.size === 0 && this.#listeners.get(userId) === ofUser) this.#listeners.delete(userId)
      if (this.#listeners.size > 0) return
      this.#end?.()
      this.#end = undefined
    }
  }

  #begin(): () => void {
    const look = () => void this.#look()
    const unsubscribe = this.#database.onChange(look)
    const timer = setInterval(look, LOOK_INTERVAL_MS).unref()
    return () => {
      clearInterval(timer)
      unsubscribe()
      this.#position = undefined
    }
  }

  /** Never rejects: what it cannot read now it reads the next time. */
  async #look(): Promise<void> {
    this.#isToLookAgain = true
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#isToLookAgain) {
        this.#isToLookAgain = false
        await this.#tellNew()
      }
    } catch {
      this.#isToLookAgain = false
    } finally {
      this.#isLooking = false
    }
  }

  async #tellNew(): Promise<void> {
    if (this.#position === undefined) {
      this.#position = await findLastEventId(this.#database)
      // Nobody knows what came before it.
      for (const ofUser of this.#listeners.values()) callAll(ofUser)
      return
    }
    const page = { after: this.#position, limit: TRACES_PER_LOOK }
    const traces = await listEventTraces(this.#database, page)
    const last = traces.at(-1)
    if (last === undefined) return
    this.#position = last.id
    for (const userId of new Set(traces.map(({ creatorId }) => creatorId))) {
      callAll(this.#listeners.get(userId) ?? [])
    }
    if (traces.length === TRACES_PER_LOOK) this.#isToLookAgain = true
  }
}

function callAll(listeners: Iterable<() => void>): void {
  for (const listener of listeners) listener()
}
