import type { Insertable, Selectable, Transaction } from 'kysely'
import type { Timestamp } from '../lib/clock.ts'
import { PreparedRows } from './prepare.ts'
import type { Tables } from './tables.ts'

export type IdempotencyRow = Selectable<Tables['idempotency_keys']>

const COLUMNS = ['user_id', 'key', 'request_hash', 'cluster_id', 'response', 'created_at'] as const

/** Those of the keys that were used at `since` or later. */
export const selectIdempotencyKeys = new PreparedRows<
  { user_id: number; key: string; since: Timestamp },
  IdempotencyRow
>(['user_id', 'key', 'since'], (db, rows) =>
  db
    .selectFrom('idempotency_keys')
    .selectAll()
    .where(eb =>
      eb.or(
        rows.map(({ user_id, key, since }) =>
          eb.and([eb('user_id', '=', user_id), eb('key', '=', key), eb('created_at', '>=', since)]),
        ),
      ),
    ),
)

/** A key that is older than its time gives way. */
export const insertIdempotencyKeys = new PreparedRows<Insertable<Tables['idempotency_keys']>, never>(
  COLUMNS,
  (db, rows) =>
    db
      .insertInto('idempotency_keys')
      .values(rows)
      .onConflict(conflict =>
        conflict.columns(['user_id', 'key']).doUpdateSet(eb => ({
          request_hash: eb.ref('excluded.request_hash'),
          cluster_id: eb.ref('excluded.cluster_id'),
          response: eb.ref('excluded.response'),
          created_at: eb.ref('excluded.created_at'),
        })),
      ),
)

/** At most `limit` of them; tells how many. */
export async function deleteIdempotencyKeysBefore(
  trx: Transaction<Tables>,
  before: Timestamp,
  limit: number,
): Promise<number> {
  const old = trx
    .selectFrom('idempotency_keys')
    .select(['user_id', 'key'])
    .where('created_at', '<', before)
    .limit(limit)
  const rows = await trx
    .deleteFrom('idempotency_keys')
    .where(eb => eb(eb.refTuple('user_id', 'key'), 'in', old.$asTuple('user_id', 'key')))
    .returning('user_id')
    .execute()
  return rows.length
}
