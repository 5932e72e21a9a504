import type { Insertable, Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import { PreparedQuery, PreparedRows } from './prepare.ts'
import type { Tables } from './tables.ts'

type NewEvent = Insertable<Tables['events']>

const COLUMNS = ['id', 'cluster_id', 'creator_id', 'at', 'status', 'reason', 'message'] as const

/** Numbers come from counters.ts, in the transaction of the change that the event tells. */
export const insertEvents = new PreparedRows<NewEvent, never>(COLUMNS, (db, rows) =>
  db.insertInto('events').values(rows),
)

interface FirstEvents {
  readonly firstClusterId: number
  readonly afterLastClusterId: number
  /** From a cluster's id to its event's. */
  readonly idOffset: number
}

const insertFirstEventsQuery = new PreparedQuery<FirstEvents, never>(({ db, param }) =>
  db
    .insertInto('events')
    .columns(COLUMNS)
    .expression(
      db
        .selectFrom('clusters')
        .select(eb => [
          eb('id', '+', param('idOffset')).as('id'),
          'id as cluster_id',
          'creator_id',
          'created_at',
          'status',
          'reason',
          'message',
        ])
        .where('id', '>=', param('firstClusterId'))
        .where('id', '<', param('afterLastClusterId')),
    ),
)

/**
 * The first event of each of `count` new clusters with ids from `firstClusterId` on. The database copies what
 * it has just been given: a value costs as much to hand over as to store.
 */
export async function insertFirstEvents(
  trx: Transaction<Tables>,
  dialect: Dialect,
  { count, firstClusterId, firstEventId }: { count: number; firstClusterId: number; firstEventId: number },
): Promise<void> {
  await insertFirstEventsQuery.run(trx, dialect, {
    firstClusterId,
    afterLastClusterId: firstClusterId + count,
    idOffset: firstEventId - firstClusterId,
  })
}
