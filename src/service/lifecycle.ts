import type { Transaction } from 'kysely'
import { readClusterJson, type ClusterJson } from '../database/cluster-json.ts'
import {
  hasUnendedWorker,
  markForDeletion,
  moveCluster,
  updateNameAndWorkers,
} from '../database/cluster-lifecycle.ts'
import { deleteCluster, findCreatorId, findVisibleCluster } from '../database/clusters.ts'
import { takeNumbers } from '../database/counters.ts'
import { insertAuditEntry } from '../database/audit.ts'
import type { Database } from '../database/database.ts'
import { insertEvents } from '../database/events.ts'
import type { Tables } from '../database/tables.ts'
import { lockAllowances, lockUseOfAll, updateUse } from '../database/users.ts'
import { isLive, mayFollow, type Cluster, type ClusterStatus } from '../domain/cluster.ts'
import {
  ClusterEnded,
  InvalidRequest,
  NotAuthenticated,
  NotFound,
  QuotaExceeded,
  USER_DISABLED,
} from '../domain/errors.ts'
import { addUse, findQuotaRefusal, subtractUse, useOf, type Quota, type Use } from '../domain/quota.ts'
import type { User } from '../domain/user.ts'
import { toTimestamp, type Clock } from '../lib/clock.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'
import type { Offer } from './offer.ts'

type StopReason = 'stopped_by_user' | 'stopped_by_administrator'

/** What a creator wants to be different; what is absent stays. */
export interface ClusterChanges {
  readonly workers?: number
  readonly name?: string
}

/** A cluster of the user who asks, locked with that user until the transaction ends. */
interface Locked {
  readonly trx: Transaction<Tables>
  readonly cluster: Cluster
  readonly used: Use
  readonly quota: Quota
}

/** What creators do with clusters they have: stop, delete, grow, shrink and rename them. */
export class Lifecycle {
  readonly #database: Database
  readonly #clock: Clock
  readonly #quota: Quota
  readonly #offer: Offer

  constructor(database: Database, options: { clock: Clock; quota: Quota; offer: Offer }) {
    this.#database = database
    this.#clock = options.clock
    this.#quota = options.quota
    this.#offer = options.offer
  }

  /** Asks a cluster to end. `hadEnded` tells that there was nothing to do. */
  stop(user: User, id: number): Promise<{ json: ClusterJson; hadEnded: boolean }> {
    return this.#change(user, id, async locked => {
      const { trx, cluster } = locked
      const hadEnded = !isLive(cluster.status)
      if (!hadEnded && cluster.status !== 'stopping') await this.#end(locked, 'stopped_by_user')
      return { json: await readClusterJson(trx, this.#database.dialect, id), hadEnded }
    })
  }

  /**
   * Forgets a cluster that has ended, or of which nothing runs: then resolves to `undefined`. Any other is asked to
   * end, and forgotten in the transaction that records its end.
   */
  delete(user: User, id: number): Promise<ClusterJson | undefined> {
    return this.#change(user, id, async locked => {
      const { trx, cluster } = locked
      const isStopping =
        cluster.status === 'stopping' || (await this.#end(locked, 'stopped_by_user')) === 'stopping'
      if (!isStopping) {
        await deleteCluster(trx, id)
        return undefined
      }
      await markForDeletion(trx, id)
      return await readClusterJson(trx, this.#database.dialect, id)
    })
  }

  /**
   * Grows, shrinks or renames a cluster; the workers follow later. Rejects with `QuotaExceeded`, with `ClusterEnded`
   * when it cannot grow or shrink any more, and with `InvalidRequest` when it would not fit here.
   */
  update(user: User, id: number, changes: ClusterChanges): Promise<ClusterJson> {
    return this.#change(user, id, async locked => {
      const { trx, cluster } = locked
      const { dialect } = this.#database
      const { workers = cluster.workers, name = cluster.name } = changes
      if (changes.workers !== undefined) this.#checkSize(locked, workers)
      if (workers !== cluster.workers) {
        const without = subtractUse(locked.used, useOf(cluster))
        const used = addUse(without, useOf({ ...cluster, workers }))
        await updateUse(trx, dialect, new Map([[user.id, used]]))
      }
      await updateNameAndWorkers(trx, { id, name, workers })
      return await readClusterJson(trx, dialect, id)
    })
  }

  #checkSize({ cluster, used, quota }: Locked, workers: number): void {
    if (!isLive(cluster.status) || cluster.status === 'stopping') throw new ClusterEnded(cluster.status)
    // Getting smaller helps everybody, whatever the rules are by now.
    if (workers <= cluster.workers) return
    const problems = this.#offer.listProblems({ ...cluster, workers, idleTimeoutSeconds: null })
    const messages = Object.entries(problems).flatMap(([field, problem]) => {
      if (problem === undefined) return []
      return [field === 'workers' ? problem : `cannot be more: ${field} ${problem}`]
    })
    if (messages.length > 0) throw new InvalidRequest({ workers: messages })
    const more = subtractUse(useOf({ ...cluster, workers }), useOf(cluster))
    // It is no further cluster, also where there are too many already.
    const refusal = findQuotaRefusal({ ...quota, clusters: null }, used, more)
    if (refusal !== undefined) throw new QuotaExceeded(refusal)
  }

  /**
   * Asks the cluster of somebody else to end, for an administrator, who learns how it stands and nothing of what is
   * in it; the act is in the audit.
   */
  async stopOfOther(administrator: User, id: number): Promise<{ status: ClusterStatus; hadEnded: boolean }> {
    const { dialect, reads } = this.#database
    const creatorId = await findCreatorId(reads, id)
    if (creatorId === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    const stopped = await this.#database.transaction(async trx => {
      const used = (await lockUseOfAll(trx, dialect, [creatorId])).get(creatorId)
      const cluster = await findVisibleCluster(trx, dialect, creatorId, id)
      if (cluster === undefined || used === undefined) throw new NotFound(NO_SUCH_CLUSTER)
      const hadEnded = !isLive(cluster.status)
      if (hadEnded || cluster.status === 'stopping') return { status: cluster.status, hadEnded }
      const status = await this.#end({ trx, cluster, used }, 'stopped_by_administrator')
      const at = toTimestamp(this.#clock())
      const act = { at, administratorId: administrator.id, action: 'stop_cluster' as const }
      await insertAuditEntry(trx, dialect, { ...act, userId: creatorId, clusterId: id, details: null })
      return { status, hadEnded }
    })
    this.#database.announceChange()
    return stopped
  }

  /** Locks users before clusters before counters, as every transaction does. */
  async #change<Result>(user: User, id: number, work: (locked: Locked) => Promise<Result>): Promise<Result> {
    const { dialect } = this.#database
    const result = await this.#database.transaction(async trx => {
      const allowance = (await lockAllowances(trx, dialect, [user.id])).get(user.id)
      if (allowance === undefined) throw new NotAuthenticated(USER_DISABLED)
      const cluster = await findVisibleCluster(trx, dialect, user.id, id)
      if (cluster === undefined) throw new NotFound(NO_SUCH_CLUSTER)
      return await work({ trx, cluster, used: allowance.used, quota: allowance.quota ?? this.#quota })
    })
    this.#database.announceChange()
    return result
  }

  /** Moves a live cluster as far to its end as can be done here; tells which status it has then. */
  async #end(
    { trx, cluster, used }: Pick<Locked, 'trx' | 'cluster' | 'used'>,
    reason: StopReason,
  ): Promise<ClusterStatus> {
    if (!isLive(cluster.status)) return cluster.status
    const { dialect } = this.#database
    const to = (await hasUnendedWorker(trx, cluster.id)) ? 'stopping' : 'stopped'
    if (!mayFollow(cluster.status, to)) throw new Error(`${cluster.status} must not become ${to}`)
    const at = toTimestamp(this.#clock())
    const endedAt = to === 'stopped' ? at : null
    await moveCluster(trx, { id: cluster.id, from: cluster.status, to, reason, endedAt })
    // What is still to be ended counts until it is gone.
    if (to === 'stopped') {
      const left = subtractUse(used, useOf(cluster))
      await updateUse(trx, dialect, new Map([[cluster.creatorId, left]]))
    }
    const { events: eventId } = await takeNumbers(trx, dialect, { events: 1 })
    const event = { at, status: to, reason, message: null } as const
    await insertEvents.run(trx, dialect, [
      { id: eventId, cluster_id: cluster.id, creator_id: cluster.creatorId, ...event },
    ])
    return to
  }
}
