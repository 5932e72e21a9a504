import type { Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import { PreparedQuery } from './prepare.ts'
import type { Tables } from './tables.ts'

export interface Numbers {
  readonly users: number
  readonly tokens: number
  readonly clusters: number
  readonly events: number
  readonly audit: number
}

const NONE: Numbers = { users: 0, tokens: 0, clusters: 0, events: 0, audit: 0 }

const takeNumbersQuery = new PreparedQuery<Numbers, Numbers>(({ db, param }) =>
  db
    .updateTable('counters')
    .set(eb => ({
      last_user_id: eb('last_user_id', '+', param('users')),
      last_token_id: eb('last_token_id', '+', param('tokens')),
      last_cluster_id: eb('last_cluster_id', '+', param('clusters')),
      last_event_id: eb('last_event_id', '+', param('events')),
      last_audit_id: eb('last_audit_id', '+', param('audit')),
    }))
    .returning([
      'last_user_id as users',
      'last_token_id as tokens',
      'last_cluster_id as clusters',
      'last_event_id as events',
      'last_audit_id as audit',
    ]),
)

/**
 * Takes as many new numbers of each kind as asked and returns the first of each. Locks the counters until
 * the transaction ends, so it comes after the locks on users and clusters.
 */
export async function takeNumbers(
  trx: Transaction<Tables>,
  dialect: Dialect,
  wanted: Partial<Numbers>,
): Promise<Numbers> {
  const counts = { ...NONE, ...wanted }
  const [last] = await takeNumbersQuery.run(trx, dialect, counts)
  if (last === undefined) throw new Error('the row of counters is missing')
  return {
    users: last.users - counts.users + 1,
    tokens: last.tokens - counts.tokens + 1,
    clusters: last.clusters - counts.clusters + 1,
    events: last.events - counts.events + 1,
    audit: last.audit - counts.audit + 1,
  }
}

/** Moves the counters past ids that came from elsewhere. */
export async function raiseCounters(
  trx: Transaction<Tables>,
  largest: { userId: number; clusterId: number },
): Promise<void> {
  await trx
    .updateTable('counters')
    .set({ last_user_id: largest.userId })
    .where('last_user_id', '<', largest.userId)
    .execute()
  await trx
    .updateTable('counters')
    .set({ last_cluster_id: largest.clusterId })
    .where('last_cluster_id', '<', largest.clusterId)
    .execute()
}
