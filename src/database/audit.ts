import type { Kysely, Transaction } from 'kysely'
import type { AuditAction } from '../domain/audit.ts'
import type { Timestamp } from '../lib/clock.ts'
import { takeNumbers } from './counters.ts'
import type { Dialect } from './dialect.ts'
import type { Tables } from './tables.ts'

/** What an administrator did. */
export interface NewAuditEntry {
  readonly at: Timestamp
  readonly administratorId: number
  readonly action: AuditAction
  /** Whose user or cluster it was done to. */
  readonly userId: number
  readonly clusterId: number | null
  /** JSON text: the quota that was set. */
  readonly details: string | null
}

export interface AuditEntry extends NewAuditEntry {
  readonly id: number
  readonly administrator: string
  readonly user: string
}

/** In the transaction that does it. */
export async function insertAuditEntry(
  trx: Transaction<Tables>,
  dialect: Dialect,
  entry: NewAuditEntry,
): Promise<void> {
  const { audit: id } = await takeNumbers(trx, dialect, { audit: 1 })
  await trx
    .insertInto('audit')
    .values({
      id,
      at: entry.at,
      administrator_id: entry.administratorId,
      action: entry.action,
      user_id: entry.userId,
      cluster_id: entry.clusterId,
      details: entry.details,
    })
    .execute()
}

/** With ids below `before`, the newest first. */
export async function listAuditEntries(
  db: Kysely<Tables>,
  page: { before: number; limit: number },
): Promise<AuditEntry[]> {
  return await db
    .selectFrom('audit')
    .innerJoin('users as administrator', 'administrator.id', 'audit.administrator_id')
    .innerJoin('users as user', 'user.id', 'audit.user_id')
    .select([
      ...(['audit.id', 'at', 'administrator_id as administratorId', 'action'] as const),
      ...(['user_id as userId', 'cluster_id as clusterId', 'details'] as const),
      ...(['administrator.username as administrator', 'user.username as user'] as const),
    ])
    .where('audit.id', '<', page.before)
    .orderBy('audit.id', 'desc')
    .limit(page.limit)
    .execute()
}
