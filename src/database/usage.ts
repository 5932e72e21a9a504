import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Timestamp } from '../lib/clock.ts'
import type { Dialect } from './dialect.ts'
import type { Tables } from './tables.ts'

/** What workers had a place for, from start to end, and what they used of it. */
export interface Usage {
  readonly coreHours: number
  readonly gibHours: number
  /** CPU time; `null` where no engine could tell. */
  readonly usedCoreHours: number | null
}

export interface ClusterUsage extends Usage {
  readonly clusterId: number
  /** `null` when it was deleted. */
  readonly name: string | null
}

export interface UserUsage extends Usage {
  readonly userId: number
  readonly username: string
}

/** From `from` until just before `to`; what still runs counts until `now`. */
export interface Period {
  readonly from: Timestamp
  readonly to: Timestamp
  readonly now: Timestamp
}

/** Of a user, by cluster, with those that had the most first; at most `limit`. */
export async function listClusterUsage(
  db: Kysely<Tables>,
  dialect: Dialect,
  query: { userId: number; period: Period; limit: number },
): Promise<ClusterUsage[]> {
  const rows = await workersIn(db, query.period)
    .leftJoin('clusters', 'clusters.id', 'workers.cluster_id')
    .where('workers.creator_id', '=', query.userId)
    .select(['workers.cluster_id as clusterId', 'clusters.name', ...sums(query.period, dialect)])
    .groupBy(['workers.cluster_id', 'clusters.name'])
    .orderBy('coreHours', 'desc')
    .orderBy('clusterId', 'desc')
    .limit(query.limit)
    .execute()
  return rows.map(round)
}

/** Of every user who had anything, those that had the most first. */
export async function listUserUsage(
  db: Kysely<Tables>,
  dialect: Dialect,
  period: Period,
): Promise<UserUsage[]> {
  const rows = await workersIn(db, period)
    .innerJoin('users', 'users.id', 'workers.creator_id')
    .select(['users.id as userId', 'users.username', ...sums(period, dialect)])
    .groupBy(['users.id', 'users.username'])
    .orderBy('coreHours', 'desc')
    .orderBy('userId')
    .execute()
  return rows.map(round)
}

/** All that a user had in the period. */
export async function getUserUsage(
  db: Kysely<Tables>,
  dialect: Dialect,
  query: { userId: number; period: Period },
): Promise<Usage> {
  const row = await workersIn(db, query.period)
    .where('workers.creator_id', '=', query.userId)
    .select(sums(query.period, dialect))
    .executeTakeFirstOrThrow()
  return round(row)
}

/** Since it was created, with the highest peak of a single worker. */
export async function getClusterUsage(
  db: Kysely<Tables>,
  dialect: Dialect,
  query: { userId: number; clusterId: number; now: Timestamp },
): Promise<Usage & { readonly workerPeakBytes: number | null }> {
  const period = { from: '0001-01-01T00:00:00.000Z', to: '9999-12-31T23:59:59.999Z', now: query.now }
  const row = await workersIn(db, period)
    .where('workers.creator_id', '=', query.userId)
    .where('workers.cluster_id', '=', query.clusterId)
    .select(eb => [...sums(period, dialect), eb.fn.max('workers.peak_memory_bytes').as('workerPeakBytes')])
    .executeTakeFirstOrThrow()
  return round(row)
}

function workersIn(db: Kysely<Tables>, { from, to, now }: Period) {
  return db
    .selectFrom('workers')
    .where('workers.started_at', '<', to)
    .where(eb => eb(eb.fn.coalesce('workers.ended_at', eb.val(now)), '>', from))
}

/** CPU time is known for a worker as a whole: it counts where the worker ran. */
function sums(period: Period, dialect: Dialect) {
  const hours = hoursIn(period, dialect)
  return [
    sql<number>`coalesce(sum(workers.cpus * ${hours}), 0)`.as('coreHours'),
    sql<number>`coalesce(sum(workers.memory * ${hours}), 0)`.as('gibHours'),
    sql<number | null>`sum(workers.cpu_seconds) / 3600`.as('usedCoreHours'),
  ] as const
}

/** Hours of a worker that lie in the period. */
function hoursIn({ from, to, now }: Period, dialect: Dialect): RawBuilder<number> {
  if (dialect === 'sqlite') {
    const end = sql`min(coalesce(workers.ended_at, ${now}), ${to})`
    const begin = sql`max(workers.started_at, ${from})`
    return sql<number>`max(0, (julianday(${end}) - julianday(${begin})) * 24)`
  }
  const end = sql`least(coalesce(workers.ended_at, ${now}::timestamptz), ${to}::timestamptz)`
  const begin = sql`greatest(workers.started_at, ${from}::timestamptz)`
  return sql<number>`greatest(0, extract(epoch from ${end} - ${begin})::double precision / 3600)`
}

/** To the millionth of an hour, four milliseconds: below that the two databases count differently. */
function round<Row extends Usage>(row: Row): Row {
  return {
    ...row,
    coreHours: toMillionth(row.coreHours),
    gibHours: toMillionth(row.gibHours),
    usedCoreHours: row.usedCoreHours === null ? null : toMillionth(row.usedCoreHours),
  }
}

function toMillionth(hours: number): number {
  return Math.round(hours * 1e6) / 1e6
}
