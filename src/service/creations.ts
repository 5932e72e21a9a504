import type { Transaction } from 'kysely'
import { listNewClustersJson, type ClusterJson } from '../database/cluster-json.ts'
import { insertClusters, type NewCluster } from '../database/clusters.ts'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { insertFirstEvents } from '../database/events.ts'
import type { Outcome } from '../database/group.ts'
import { insertIdempotencyKeys, selectIdempotencyKeys, type IdempotencyRow } from '../database/idempotency.ts'
import type { Tables } from '../database/tables.ts'
import { lockAllowances, updateUse, type Allowance } from '../database/users.ts'
import type { ClusterReason, ClusterRequest } from '../domain/cluster.ts'
import { IdempotencyConflict, NotAuthenticated, QuotaExceeded, USER_DISABLED } from '../domain/errors.ts'
import { IDEMPOTENCY_KEY_HOURS } from '../domain/limits.ts'
import { addUse, findQuotaRefusal, useOf, type Quota, type Use } from '../domain/quota.ts'
import type { User } from '../domain/user.ts'
import { addMs, HOUR_MS, toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'
import { sha256Hex } from '../lib/id.ts'

/** Where new clusters are to run, and what is said of one until then. */
export interface Placement {
  readonly engine: string
  readonly home: string
  readonly reason: ClusterReason
  readonly message: string | null
}

export interface IdempotencyKey {
  readonly key: string
  /** Of the parsed request; see {@link hashRequest}. */
  readonly requestHash: string
}

/** One request to create a cluster. */
export interface Creation {
  readonly user: User
  readonly request: ClusterRequest
  readonly idempotencyKey: IdempotencyKey | undefined
}

export interface CreatedCluster {
  readonly id: number
  readonly json: ClusterJson
}

export interface CreationOptions {
  readonly clock: Clock
  readonly quota: Quota
  readonly placement: Placement
}

/** Creates the clusters that were asked for at about the same time, in one transaction. */
export class Creations {
  readonly #database: Database
  readonly #clock: Clock
  readonly #quota: Quota
  readonly #placement: Placement

  constructor(database: Database, options: CreationOptions) {
    this.#database = database
    this.#clock = options.clock
    this.#quota = options.quota
    this.#placement = options.placement
  }

  /** Answers every request of a group, in order of arrival; none is lost or touches its neighbours. */
  async answerAll(
    trx: Transaction<Tables>,
    creations: readonly Creation[],
  ): Promise<Outcome<CreatedCluster>[]> {
    const { dialect } = this.#database
    const now = this.#clock()
    const allowances = await lockAllowances(
      trx,
      dialect,
      creations.map(({ user }) => user.id),
    )
    const earlier = await this.#findEarlierAnswers(trx, creations, now)
    const uses = new Map([...allowances].map(([id, { used }]) => [id, used]))
    const decisions = decideCreations(creations, { allowances, uses }, earlier, this.#quota)
    const accepted = decisions.flatMap(decision => ('accepted' in decision ? [decision.accepted] : []))
    const created = await this.#insertAll(trx, accepted, uses, toTimestamp(now))

    return decisions.map(decision => {
      if ('answer' in decision) return { value: decision.answer }
      if ('refusal' in decision) return { error: decision.refusal }
      const creation = 'accepted' in decision ? decision.accepted : decision.sameKeyAs
      const value = created.get(creation)
      if (value === undefined) return { error: new Error('an inserted cluster did not come back') }
      return 'conflict' in decision && decision.conflict
        ? { error: new IdempotencyConflict(value.id) }
        : { value }
    })
  }

  async #findEarlierAnswers(
    trx: Transaction<Tables>,
    creations: readonly Creation[],
    now: Date,
  ): Promise<EarlierAnswers> {
    const since = toTimestamp(addMs(now, -IDEMPOTENCY_KEY_HOURS * HOUR_MS))
    const wanted = creations.flatMap(({ user, idempotencyKey }) =>
      idempotencyKey === undefined ? [] : [{ user_id: user.id, key: idempotencyKey.key, since }],
    )
    const rows = await selectIdempotencyKeys.run(trx, this.#database.dialect, wanted)
    return new Map(
      rows.map(row => [
        keyOf(row.user_id, row.key),
        { requestHash: row.request_hash, answer: { id: row.cluster_id, json: row.response } },
      ]),
    )
  }

  async #insertAll(
    trx: Transaction<Tables>,
    accepted: readonly Creation[],
    uses: ReadonlyMap<number, Use>,
    now: Timestamp,
  ): Promise<Map<Creation, CreatedCluster>> {
    if (accepted.length === 0) return new Map()
    const { dialect } = this.#database
    const first = await takeNumbers(trx, dialect, { clusters: accepted.length, events: accepted.length })
    const rows = accepted.map(({ user, request }, index) =>
      toNewCluster(user, request, first.clusters + index, now),
    )
    await insertClusters.run(trx, dialect, rows, { ...this.#placement, status: 'pending', ended_at: null })
    const numbers = { count: rows.length, firstClusterId: first.clusters, firstEventId: first.events }
    // Sent together: none needs the answer of another, and PostgreSQL gets them in one packet.
    const [bodies] = await Promise.all([
      listNewClustersJson(trx, dialect, { firstId: first.clusters, count: rows.length }),
      insertFirstEvents(trx, dialect, numbers),
      updateUse(trx, dialect, uses),
    ])
    const created = new Map(
      accepted.map((creation, index): [Creation, CreatedCluster] => {
        const json = bodies[index]
        if (json === undefined) throw new Error('an inserted cluster did not come back')
        return [creation, { id: first.clusters + index, json }]
      }),
    )
    await insertIdempotencyKeys.run(trx, dialect, toIdempotencyRows(created, now))
    return created
  }
}

/** By user and key. */
type EarlierAnswers = ReadonlyMap<string, { requestHash: string; answer: CreatedCluster }>

type Decision =
  | { readonly accepted: Creation }
  | { readonly answer: CreatedCluster }
  | { readonly refusal: Error }
  /** Another request of the same group has the same key. */
  | { readonly sameKeyAs: Creation; readonly conflict: boolean }

/** Decides each in order of arrival, and adds what it accepts to `uses`. `quota` is that of users without their own. */
function decideCreations(
  creations: readonly Creation[],
  { allowances, uses }: { allowances: ReadonlyMap<number, Allowance>; uses: Map<number, Use> },
  earlier: EarlierAnswers,
  quota: Quota,
): Decision[] {
  const acceptedByKey = new Map<string, Creation>()
  return creations.map(creation => {
    const { user, request, idempotencyKey } = creation
    const key = idempotencyKey && keyOf(user.id, idempotencyKey.key)
    const before = key === undefined ? undefined : earlier.get(key)
    if (before !== undefined) {
      return before.requestHash === idempotencyKey?.requestHash
        ? { answer: before.answer }
        : { refusal: new IdempotencyConflict(before.answer.id) }
    }
    const twin = key === undefined ? undefined : acceptedByKey.get(key)
    if (twin !== undefined) {
      const conflict = twin.idempotencyKey?.requestHash !== idempotencyKey?.requestHash
      return { sameKeyAs: twin, conflict }
    }
    const used = uses.get(user.id)
    if (used === undefined) return { refusal: new NotAuthenticated(USER_DISABLED) }
    const requested = useOf(request)
    const refusal = findQuotaRefusal(allowances.get(user.id)?.quota ?? quota, used, requested)
    if (refusal !== undefined) return { refusal: new QuotaExceeded(refusal) }
    uses.set(user.id, addUse(used, requested))
    if (key !== undefined) acceptedByKey.set(key, creation)
    return { accepted: creation }
  })
}

function toIdempotencyRows(created: ReadonlyMap<Creation, CreatedCluster>, now: Timestamp): IdempotencyRow[] {
  return [...created].flatMap(([{ user, idempotencyKey }, { id, json }]) =>
    idempotencyKey === undefined
      ? []
      : [
          {
            user_id: user.id,
            key: idempotencyKey.key,
            request_hash: idempotencyKey.requestHash,
            cluster_id: id,
            response: json,
            created_at: now,
          },
        ],
  )
}

function keyOf(userId: number, key: string): string {
  return `${userId} ${key}`
}

function toNewCluster(user: User, request: ClusterRequest, id: number, now: Timestamp): NewCluster {
  return {
    id,
    creator_id: user.id,
    name: request.name ?? `cluster-${id}`,
    cpus: request.cpus,
    memory: request.memory,
    workers: request.workers,
    runtime: request.runtime,
    command: request.command === null ? null : JSON.stringify(request.command),
    environment: JSON.stringify(request.environment),
    idle_timeout_seconds: request.idleTimeoutSeconds,
    lifetime_seconds: request.lifetimeSeconds,
    created_at: now,
  }
}

/** The same for equal requests, however their JSON was written: defaults filled in, keys in one order. */
export function hashRequest(request: ClusterRequest): string {
  const environment = Object.entries(request.environment).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const { cpus, memory, name, workers, runtime, command, idleTimeoutSeconds, lifetimeSeconds } = request
  return sha256Hex(
    JSON.stringify([
      cpus,
      memory,
      name ?? null,
      workers,
      runtime,
      command,
      environment,
      idleTimeoutSeconds,
      lifetimeSeconds,
    ]),
  )
}
