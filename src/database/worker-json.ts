import { sql } from 'kysely'
import { joinTexts, jsonObject, plain, timestamp } from './dialect.ts'
import { PreparedQuery, type PreparedReader } from './prepare.ts'

/** A worker as the creator of its cluster sees it. */
const FIELDS = {
  id: plain('id'),
  index: plain('seat'),
  role: plain('role'),
  status: plain('status'),
  node: plain('node'),
  exit_code: plain('exit_code'),
  signal: plain('signal'),
  reason: plain('reason'),
  message: plain('message'),
  attempt: plain('attempt'),
  created_at: timestamp('created_at'),
  started_at: timestamp('started_at'),
  ended_at: timestamp('ended_at'),
}

const listQuery = new PreparedQuery<{ clusterId: number; userId: number }, { bodies: string | null }>(
  ({ db, dialect, param }) => {
    const rows = db
      .selectFrom('workers')
      // The one scheduler comes before all workers.
      .select([
        sql<number>`case when role = 'scheduler' then -1 else seat end`.as('position'),
        jsonObject(FIELDS, dialect).as('body'),
      ])
      .where('cluster_id', '=', param('clusterId'))
      .where('is_latest', '=', 1)
      .orderBy('position')
    const joined = db
      .selectFrom(rows.as('row'))
      .select(
        joinTexts({ column: 'row.body', separator: ',', orderBy: 'row.position', order: 'asc' }, dialect).as(
          'bodies',
        ),
      )
    return db
      .selectFrom('clusters')
      .select(joined.as('bodies'))
      .where('clusters.id', '=', param('clusterId'))
      .where('clusters.creator_id', '=', param('userId'))
  },
)

/**
 * The latest worker on each seat as a JSON array, the scheduler first: at most 1001. `undefined` when there is no such
 * cluster, or the user did not create it.
 */
export async function listWorkersJson(
  database: PreparedReader,
  userId: number,
  clusterId: number,
): Promise<string | undefined> {
  const [row] = await listQuery.read(database, { clusterId, userId })
  return row && `[${row.bodies ?? ''}]`
}
