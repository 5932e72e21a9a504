import { findClusterSize } from '../database/clusters.ts'
import type { Database } from '../database/database.ts'
import { listSamples, type Sample } from '../database/samples.ts'
import {
  getClusterUsage,
  getUserUsage,
  listClusterUsage,
  listUserUsage,
  type ClusterUsage,
  type Period,
  type Usage as Hours,
  type UserUsage,
} from '../database/usage.ts'
import { NotFound } from '../domain/errors.ts'
import { costOf, type Cost, type Price } from '../domain/price.ts'
import { useOf, type Use } from '../domain/quota.ts'
import type { User } from '../domain/user.ts'
import { toTimestamp, type Clock } from '../lib/clock.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'

/** Clusters that a month names; the rest is in its sums. */
const MOST_CLUSTERS = 1000

type Priced<Row> = Row & { readonly cost: Cost | null }

export interface UsageOfCluster extends Priced<Hours> {
  /** What its workers together ask for now. */
  readonly requested: Use
  readonly workerPeakBytes: number | null
  /** The highest of all samples. */
  readonly peak: { readonly cpus: number | null; readonly memoryBytes: number | null }
  readonly samples: readonly Sample[]
}

export interface UsageOfMonth extends Priced<Hours> {
  readonly month: string
  readonly clusters: readonly Priced<ClusterUsage>[]
}

/** What clusters took, what of it they used, and what that would cost. */
export class Usage {
  readonly #database: Database
  readonly #clock: Clock
  readonly #price: Price | undefined

  constructor(database: Database, options: { clock: Clock; price: Price | undefined }) {
    this.#database = database
    this.#clock = options.clock
    this.#price = options.price
  }

  /** Rejects with the same `NotFound` whether there is no cluster or somebody else created it. */
  async ofCluster(user: User, clusterId: number): Promise<UsageOfCluster> {
    const { reads, dialect } = this.#database
    const size = await findClusterSize(reads, user.id, clusterId)
    if (size === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    const now = toTimestamp(this.#clock())
    const hours = await getClusterUsage(reads, dialect, { userId: user.id, clusterId, now })
    const samples = await listSamples(this.#database, clusterId)
    const peak = {
      cpus: highest(samples.map(({ cpus }) => cpus)),
      memoryBytes: highest(samples.map(({ memoryBytes }) => memoryBytes)),
    }
    return { ...hours, cost: costOf(this.#price, hours), requested: useOf(size), peak, samples }
  }

  /** Of everybody, for administrators. `month` as in {@link ofMonth}. */
  async ofAllUsers(month?: string): Promise<{ month: string; users: readonly Priced<UserUsage>[] }> {
    const { reads, dialect } = this.#database
    const { name, period } = monthOf(this.#clock(), month)
    const users = await listUserUsage(reads, dialect, period)
    return { month: name, users: users.map(user => ({ ...user, cost: costOf(this.#price, user) })) }
  }

  /** `month` as `2026-11`, in UTC; this one without it. */
  async ofMonth(user: User, month?: string): Promise<UsageOfMonth> {
    const { reads, dialect } = this.#database
    const { name, period } = monthOf(this.#clock(), month)
    const hours = await getUserUsage(reads, dialect, { userId: user.id, period })
    const query = { userId: user.id, period, limit: MOST_CLUSTERS }
    const clusters = await listClusterUsage(reads, dialect, query)
    const priced = clusters.map(cluster => ({ ...cluster, cost: costOf(this.#price, cluster) }))
    return { month: name, ...hours, cost: costOf(this.#price, hours), clusters: priced }
  }
}

/** From the first moment of a month to that of the next. */
function monthOf(now: Date, month?: string): { name: string; period: Period } {
  const name = month ?? toTimestamp(now).slice(0, 7)
  const from = new Date(`${name}-01T00:00:00.000Z`)
  const to = new Date(from)
  to.setUTCMonth(to.getUTCMonth() + 1)
  return { name, period: { from: toTimestamp(from), to: toTimestamp(to), now: toTimestamp(now) } }
}

function highest(values: readonly (number | null)[]): number | null {
  let most: number | null = null
  for (const value of values) if (value !== null && (most === null || value > most)) most = value
  return most
}
