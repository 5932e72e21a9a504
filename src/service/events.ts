import type { Database } from '../database/database.ts'
import {
  findLastEventId,
  findVisibleStatus,
  listEventsAfter,
  listEventsBefore,
  type EventRow,
  type EventsOf,
} from '../database/event-json.ts'
import { isLive } from '../domain/cluster.ts'
import { NotFound, Unavailable } from '../domain/errors.ts'
import type { User } from '../domain/user.ts'
import { Bell } from '../lib/bell.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { takePage } from '../lib/page.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'
import type { EventWatch } from './event-watch.ts'

const EVENTS_PER_READ = 100
/** A stream says so often that it is still there: proxies cut what is silent for long. */
const HEARTBEAT_MS = 15 * SECOND_MS
const RETRY_MS = 2 * SECOND_MS

/** A page of events as a JSON array. */
export interface EventPage {
  readonly json: string
  /** The last id of this page when there is more. */
  readonly nextBefore: number | undefined
}

export interface StreamOptions {
  /** `undefined`: of all clusters. */
  readonly clusterId: number | undefined
  /** The number of the last event that the reader has; `undefined`: begins now. */
  readonly after: number | undefined
  readonly signal: AbortSignal
}

/** Events in order, none left out or twice; an empty batch now and then, when there are none. */
export type EventStream = AsyncGenerator<readonly EventRow[], void, undefined>

/** What happened to a user's clusters. */
export class Events {
  readonly #database: Database
  readonly #watch: EventWatch
  readonly #heartbeatMs: number

  constructor(
    database: Database,
    { watch, heartbeatMs = HEARTBEAT_MS }: { watch: EventWatch; heartbeatMs?: number },
  ) {
    this.#database = database
    this.#watch = watch
    this.#heartbeatMs = heartbeatMs
  }

  /** The newest first. Rejects with `NotFound` for a cluster that is not there or not the user's. */
  async list(
    user: User,
    { clusterId, before, limit }: { clusterId: number | undefined; before: number; limit: number },
  ): Promise<EventPage> {
    if (clusterId !== undefined) await this.#getStatus(user, clusterId)
    const { shown, nextBefore } = await takePage({ before, limit }, bounds =>
      listEventsBefore(this.#database, { userId: user.id, clusterId }, bounds),
    )
    return { json: `[${shown.map(({ json }) => json).join(',')}]`, nextBefore }
  }

  /**
   * Goes on until `signal` aborts, or after the event that ends the one cluster it is about. `undefined` when that has
   * been read already. Rejects as `list` does.
   */
  async openStream(
    user: User,
    { clusterId, after, signal }: StreamOptions,
  ): Promise<EventStream | undefined> {
    // Before the status: an end after it is an event above this number.
    const now = await findLastEventId(this.#database)
    // A number that was never given comes from before a backup was restored: it would be silent for long.
    const position = Math.min(after ?? now, now)
    const of = { userId: user.id, clusterId }
    const hasEnded = clusterId !== undefined && !isLive(await this.#getStatus(user, clusterId))
    if (hasEnded) {
      const rest = await listEventsAfter(this.#database, of, { after: position, limit: 1 })
      if (rest.length === 0) return undefined
    }
    return this.#stream(of, { position, hasEnded, signal })
  }

  /** Reads only as fast as it is read from, so that nobody who is slow makes us keep anything. */
  async *#stream(
    of: EventsOf,
    { position, hasEnded, signal }: { position: number; hasEnded: boolean; signal: AbortSignal },
  ): EventStream {
    const bell = new Bell()
    const unsubscribe = this.#watch.subscribe(of.userId, bell.ring)
    let after = position
    let lastAt = performance.now()
    try {
      while (!signal.aborted) {
        const events = await this.#readAfter(of, after, signal)
        const last = events.at(-1)
        const silentMs = performance.now() - lastAt
        if (last !== undefined || silentMs >= this.#heartbeatMs) {
          yield events
          lastAt = performance.now()
        } else if (hasEnded) return
        else await bell.wait(this.#heartbeatMs - silentMs, signal)
        if (of.clusterId !== undefined && last !== undefined && !isLive(last.status)) return
        after = last?.id ?? after
      }
    } finally {
      unsubscribe()
    }
  }

  /** While the database cannot be had it waits: who was cut off would only ask again. */
  async #readAfter(of: EventsOf, after: number, signal: AbortSignal): Promise<readonly EventRow[]> {
    for (;;) {
      try {
        return await listEventsAfter(this.#database, of, { after, limit: EVENTS_PER_READ })
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        await new Bell().wait(RETRY_MS, signal)
        if (signal.aborted) return []
      }
    }
  }

  async #getStatus(user: User, clusterId: number) {
    const status = await findVisibleStatus(this.#database, user.id, clusterId)
    if (status === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    return status
  }
}
