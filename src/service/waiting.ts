import type { ClusterJson } from '../database/cluster-json.ts'
import type { Database } from '../database/database.ts'
import { findVisibleStatus } from '../database/event-json.ts'
import { canReach, type ClusterStatus } from '../domain/cluster.ts'
import type { User } from '../domain/user.ts'
import { Bell } from '../lib/bell.ts'
import type { Clusters } from './clusters.ts'
import type { EventWatch } from './event-watch.ts'

/** Waits for a status of a cluster. */
export class Waiting {
  readonly #database: Database
  readonly #clusters: Clusters
  readonly #watch: EventWatch

  constructor(database: Database, { clusters, watch }: { clusters: Clusters; watch: EventWatch }) {
    this.#database = database
    this.#clusters = clusters
    this.#watch = watch
  }

  /**
   * The cluster once it has the status or cannot have it any more, after `timeoutMs`, or when `signal` aborts. Rejects
   * with the same `NotFound` as a look at the cluster, also when it is forgotten meanwhile.
   */
  async waitFor(
    user: User,
    id: number,
    { status, timeoutMs, signal }: { status: ClusterStatus; timeoutMs: number; signal: AbortSignal },
  ): Promise<ClusterJson> {
    const deadline = performance.now() + timeoutMs
    const bell = new Bell()
    const unsubscribe = this.#watch.subscribe(user.id, bell.ring)
    try {
      for (;;) {
        const now = await findVisibleStatus(this.#database, user.id, id)
        const leftMs = deadline - performance.now()
        const isOver = now === undefined || now === status || !canReach(now, status)
        if (isOver || leftMs <= 0 || signal.aborted) return await this.#clusters.get(user, id)
        await bell.wait(leftMs, signal)
      }
    } finally {
      unsubscribe()
    }
  }
}
