import {
  findVisibleClusterJson,
  listClustersJson,
  type ClusterFilter,
  type ClusterJson,
  type ClusterPage,
} from '../database/cluster-json.ts'
import { deleteCluster, findVisibleCluster } from '../database/clusters.ts'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { insertEvents } from '../database/events.ts'
import { CommitGroup } from '../database/group.ts'
import { lockUse, updateUse } from '../database/users.ts'
import { isLive, type ClusterRequest } from '../domain/cluster.ts'
import { NotAuthenticated, NotFound, USER_DISABLED } from '../domain/errors.ts'
import { subtractUse, useOf } from '../domain/quota.ts'
import type { User } from '../domain/user.ts'
import { toTimestamp, type Clock } from '../lib/clock.ts'
import {
  Creations,
  type CreatedCluster,
  type Creation,
  type CreationOptions,
  type IdempotencyKey,
} from './creations.ts'

/** Also for what is no id at all: word for word the same. */
export const NO_SUCH_CLUSTER = 'There is no such cluster.'

/** What users can do with clusters. */
export class Clusters {
  readonly #database: Database
  readonly #clock: Clock
  readonly #creations: CommitGroup<Creation, CreatedCluster>

  constructor(database: Database, options: CreationOptions) {
    this.#database = database
    this.#clock = options.clock
    const creations = new Creations(database, options)
    this.#creations = new CommitGroup(database, (trx, group) => creations.answerAll(trx, group))
  }

  /**
   * Stores a cluster; resolves when it is on disk. With a key that was used in the last 24 hours for the
   * same request, resolves to that request's first answer. Rejects with `QuotaExceeded` or
   * `IdempotencyConflict`.
   */
  async create(
    user: User,
    request: ClusterRequest,
    idempotencyKey: IdempotencyKey | undefined,
  ): Promise<CreatedCluster> {
    const created = await this.#creations.add({ user, request, idempotencyKey })
    this.#database.announceChange()
    return created
  }

  /** Rejects with the same `NotFound` whether there is none or somebody else created it. */
  async get(user: User, id: number): Promise<ClusterJson> {
    const found = await findVisibleClusterJson(this.#database, user.id, id)
    if (found === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    return found
  }

  /** The user's clusters with ids below `before`, the newest first. */
  list(user: User, page: ClusterFilter & { before: number; limit: number }): Promise<ClusterPage> {
    return listClustersJson(this.#database, user.id, page)
  }

  /** Forgets a cluster that has ended, or of which nothing was launched. */
  async delete(user: User, id: number): Promise<void> {
    const { dialect } = this.#database
    const now = toTimestamp(this.#clock())
    await this.#database.transaction(async trx => {
      // Users before clusters before counters: every transaction locks in this order.
      const uses = await lockUse(trx, dialect, [user.id])
      const used = uses.get(user.id)
      if (used === undefined) throw new NotAuthenticated(USER_DISABLED)
      const cluster = await findVisibleCluster(trx, dialect, user.id, id)
      if (cluster === undefined) throw new NotFound(NO_SUCH_CLUSTER)
      if (isLive(cluster.status)) {
        await updateUse(trx, dialect, new Map([[user.id, subtractUse(used, useOf(cluster))]]))
        const numbers = await takeNumbers(trx, dialect, { events: 1 })
        await insertEvents.run(trx, dialect, [
          {
            id: numbers.events,
            cluster_id: cluster.id,
            creator_id: user.id,
            at: now,
            status: 'stopped',
            reason: 'stopped_by_user',
            message: null,
          },
        ])
      }
      await deleteCluster(trx, cluster.id)
    })
  }
}
