import { sql, type Kysely } from 'kysely'
import { parseQuota, type Quota, type Use } from '../domain/quota.ts'
import type { ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import type { UserWithUse } from '../domain/user.ts'
import type { Timestamp } from '../lib/clock.ts'
import type { Tables } from './tables.ts'

/** What administrators see of others: what they take, and never what they do with it. */

export interface AdministeredUser extends UserWithUse {
  readonly createdAt: Timestamp
  readonly disabledAt: Timestamp | null
  /** `null`: the server's. */
  readonly quota: Quota | null
}

/** With ids below `before`, the newest first. */
export async function listAdministeredUsers(
  db: Kysely<Tables>,
  page: { before: number; limit: number },
): Promise<AdministeredUser[]> {
  const rows = await selectUsers(db)
    .where('id', '<', page.before)
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute()
  return rows.map(toAdministeredUser)
}

export async function findAdministeredUser(
  db: Kysely<Tables>,
  id: number,
): Promise<AdministeredUser | undefined> {
  const row = await selectUsers(db).where('id', '=', id).executeTakeFirst()
  return row && toAdministeredUser(row)
}

function selectUsers(db: Kysely<Tables>) {
  return db
    .selectFrom('users')
    .select([
      ...(['id', 'username', 'is_administrator', 'disabled_at', 'created_at', 'quota'] as const),
      ...(['used_clusters', 'used_cpus', 'used_memory_gib'] as const),
    ])
}

type UserRow = Awaited<ReturnType<ReturnType<typeof selectUsers>['executeTakeFirstOrThrow']>>

function toAdministeredUser(row: UserRow): AdministeredUser {
  return {
    id: row.id,
    username: row.username,
    isAdministrator: row.is_administrator === 1,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    quota: parseQuota(row.quota),
    used: { clusters: row.used_clusters, cpus: row.used_cpus, memory_gib: row.used_memory_gib },
  }
}

export interface AdministeredCluster {
  readonly id: number
  readonly creatorId: number
  readonly creator: string
  readonly status: ClusterStatus
  readonly reason: ClusterReason
  readonly engine: string
  readonly cpus: number
  readonly memory: number
  readonly workers: number
  readonly readyWorkers: number
  readonly createdAt: Timestamp
  readonly startedAt: Timestamp | null
}

/** Live ones of everybody with ids below `before`, the newest first. */
export async function listAdministeredClusters(
  db: Kysely<Tables>,
  page: { before: number; limit: number },
): Promise<AdministeredCluster[]> {
  return await db
    .selectFrom('clusters')
    .innerJoin('users', 'users.id', 'clusters.creator_id')
    .select([
      ...(['clusters.id', 'creator_id as creatorId', 'users.username as creator'] as const),
      ...(['status', 'reason', 'engine', 'cpus', 'memory', 'workers'] as const),
      ...(['ready_workers as readyWorkers', 'clusters.created_at as createdAt'] as const),
      'started_at as startedAt',
    ])
    .where('clusters.ended_at', 'is', null)
    .where('clusters.id', '<', page.before)
    .orderBy('clusters.id', 'desc')
    .limit(page.limit)
    .execute()
}

export interface Totals {
  readonly users: number
  /** What live clusters of everybody take. */
  readonly live: Use & { readonly workers: number }
  readonly byStatus: Readonly<Partial<Record<ClusterStatus, number>>>
}

export async function getTotals(db: Kysely<Tables>): Promise<Totals> {
  const { users } = await db
    .selectFrom('users')
    .select(eb => eb.fn.countAll<number>().as('users'))
    .executeTakeFirstOrThrow()
  const rows = await db
    .selectFrom('clusters')
    .select([
      'status',
      sql<number>`count(*)`.as('clusters'),
      sql<number>`sum(workers)`.as('workers'),
      sql<number>`sum(workers * cpus)`.as('cpus'),
      sql<number>`sum(workers * memory)`.as('memory_gib'),
    ])
    .where('ended_at', 'is', null)
    .groupBy('status')
    .execute()
  const live = { clusters: 0, workers: 0, cpus: 0, memory_gib: 0 }
  for (const row of rows) {
    live.clusters += row.clusters
    live.workers += row.workers
    live.cpus += row.cpus
    live.memory_gib += row.memory_gib
  }
  return { users, live, byStatus: Object.fromEntries(rows.map(row => [row.status, row.clusters])) }
}
