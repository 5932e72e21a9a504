import type { Transaction } from 'kysely'
import type { ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import type { Timestamp } from '../lib/clock.ts'
import type { Tables } from './tables.ts'

/** What a creator does to a cluster. All of it in a transaction that has locked the cluster before. */

/**
 * Whether something may run for it. Whoever records a launch locks the cluster as well, so none can come between
 * this and the commit.
 */
export async function hasUnendedWorker(trx: Transaction<Tables>, clusterId: number): Promise<boolean> {
  const row = await trx
    .selectFrom('workers')
    .select('id')
    .where('cluster_id', '=', clusterId)
    // One that left its seat had ended.
    .where('is_latest', '=', 1)
    .where('status', '<>', 'ended')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Throws unless the cluster has just the status it is to leave. `endedAt` is `null` while it is live. */
export async function moveCluster(
  trx: Transaction<Tables>,
  move: {
    id: number
    from: ClusterStatus
    to: ClusterStatus
    reason: ClusterReason
    endedAt: Timestamp | null
  },
): Promise<void> {
  const rows = await trx
    .updateTable('clusters')
    .set({ status: move.to, reason: move.reason, message: null, ended_at: move.endedAt })
    .where('id', '=', move.id)
    .where('status', '=', move.from)
    .returning('id')
    .execute()
  if (rows.length === 0) throw new Error(`cluster ${move.id} was locked, and is not ${move.from} any more`)
}

/** It is forgotten in the transaction that records its end. */
export async function markForDeletion(trx: Transaction<Tables>, id: number): Promise<void> {
  await trx.updateTable('clusters').set({ deletes_on_end: 1 }).where('id', '=', id).execute()
}

export async function updateNameAndWorkers(
  trx: Transaction<Tables>,
  { id, name, workers }: { id: number; name: string; workers: number },
): Promise<void> {
  await trx.updateTable('clusters').set({ name, workers }).where('id', '=', id).execute()
}
