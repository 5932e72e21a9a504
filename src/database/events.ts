import type { Insertable } from 'kysely'
import { PreparedRows } from './prepare.ts'
import type { Tables } from './tables.ts'

type NewEvent = Insertable<Tables['events']>

const COLUMNS = ['id', 'cluster_id', 'creator_id', 'at', 'status', 'reason', 'message'] as const

/** Numbers come from counters.ts, in the transaction of the change that the event tells. */
export const insertEvents = new PreparedRows<NewEvent, never>(COLUMNS, (db, rows) =>
  db.insertInto('events').values(rows),
)
