import { sql, type Kysely, type Transaction } from 'kysely'
import type { Cluster } from '../domain/cluster.ts'
import type { Timestamp } from '../lib/clock.ts'
import { valuesTable, type Dialect } from './dialect.ts'
import { PreparedRows } from './prepare.ts'
import type { Tables } from './tables.ts'

/**
 * `undefined` when there is none with this id, or the user did not create it. For deciding on it: locks it
 * until the transaction ends.
 */
export async function findVisibleCluster(
  trx: Transaction<Tables>,
  dialect: Dialect,
  userId: number,
  id: number,
): Promise<Cluster | undefined> {
  const query = trx
    .selectFrom('clusters')
    .select([
      ...(['id', 'creator_id as creatorId', 'name', 'cpus', 'memory', 'workers'] as const),
      ...(['runtime', 'status', 'reason'] as const),
    ])
    .where('id', '=', id)
    .where('creator_id', '=', userId)
  return await (dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
}

/** What each new cluster has of its own, with PostgreSQL's types. */
const OWN_COLUMNS = {
  id: 'bigint',
  creator_id: 'bigint',
  name: 'text',
  cpus: 'double precision',
  memory: 'double precision',
  workers: 'integer',
  runtime: 'text',
  command: 'text',
  environment: 'text',
  idle_timeout_seconds: 'integer',
  lifetime_seconds: 'integer',
  created_at: 'timestamptz',
} as const
const OWN_NAMES = Object.keys(OWN_COLUMNS) as (keyof typeof OWN_COLUMNS)[]

/** What clusters that are inserted together have in common. */
const SHARED_NAMES = ['status', 'reason', 'message', 'engine', 'home', 'ended_at'] as const

/** What a new cluster is given; the rest stays as the schema says. */
export type NewCluster = Pick<Tables['clusters'], keyof typeof OWN_COLUMNS>
export type NewClustersShare = Pick<Tables['clusters'], (typeof SHARED_NAMES)[number]>

/** Handing a value over costs as much as storing it, so what they share is handed over once. */
export const insertClusters = new PreparedRows<NewCluster, never, NewClustersShare>(
  OWN_NAMES,
  (db, rows, dialect, shared) => {
    const values = valuesTable(
      rows.map(row => OWN_NAMES.map(name => row[name])),
      Object.values(OWN_COLUMNS),
      dialect,
    )
    return db
      .insertInto('clusters')
      .columns([...SHARED_NAMES, ...OWN_NAMES])
      .expression(
        db
          .selectFrom(values.as('given'))
          .select([
            ...SHARED_NAMES.map(name => sql`${shared[name]}`.as(name)),
            ...OWN_NAMES.map((name, index) => sql.ref(`given.column${index + 1}`).as(name)),
          ]),
      )
  },
  SHARED_NAMES,
)

export async function deleteCluster(trx: Transaction<Tables>, id: number): Promise<void> {
  await trx.deleteFrom('clusters').where('id', '=', id).execute()
}

/** Which of the ids are taken. */
export async function listTakenClusterIds(db: Kysely<Tables>, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('clusters').select('id').where('id', 'in', ids).execute()
  return rows.map(row => row.id)
}

/** Forgets clusters that ended before `before`, at most `limit` of them; tells how many. */
export async function deleteClustersEndedBefore(
  trx: Transaction<Tables>,
  before: Timestamp,
  limit: number,
): Promise<number> {
  const rows = await trx
    .deleteFrom('clusters')
    .where(
      'id',
      'in',
      trx.selectFrom('clusters').select('id').where('ended_at', '<', before).orderBy('ended_at').limit(limit),
    )
    .returning('id')
    .execute()
  return rows.length
}
