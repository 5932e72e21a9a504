import { sql, type Kysely, type Transaction } from 'kysely'
import type { Cluster, ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import type { Timestamp } from '../lib/clock.ts'
import { number, plain, timestamp, valuesTable, type Dialect } from './dialect.ts'
import { JsonRows } from './json-rows.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
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

/** For who may stop it without seeing it. */
export async function findCreatorId(db: Kysely<Tables>, id: number): Promise<number | undefined> {
  const row = await db.selectFrom('clusters').select('creator_id').where('id', '=', id).executeTakeFirst()
  return row?.creator_id
}

/** How large it is, for its creator; locks nothing. */
export async function findClusterSize(
  db: Kysely<Tables>,
  userId: number,
  id: number,
): Promise<Pick<Cluster, 'cpus' | 'memory' | 'workers'> | undefined> {
  return await db
    .selectFrom('clusters')
    .select(['cpus', 'memory', 'workers'])
    .where('id', '=', id)
    .where('creator_id', '=', userId)
    .executeTakeFirst()
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

/** A live cluster as a pass decides on it. */
export interface LiveCluster {
  readonly id: number
  readonly creatorId: number
  readonly cpus: number
  readonly memory: number
  readonly workers: number
  readonly runtime: string
  readonly status: ClusterStatus
  readonly reason: ClusterReason
  readonly message: string | null
  readonly readyWorkers: number
  readonly address: string | null
  readonly idleTimeoutSeconds: number | null
  readonly lifetimeSeconds: number | null
  readonly expiresAt: Timestamp | null
  readonly startedAt: Timestamp | null
}

const listLiveQuery = new JsonRows<{ home: string; after: number; limit: number }, LiveCluster>(
  {
    id: plain('id'),
    creatorId: plain('creator_id'),
    cpus: number('cpus'),
    memory: number('memory'),
    workers: plain('workers'),
    runtime: plain('runtime'),
    status: plain('status'),
    reason: plain('reason'),
    message: plain('message'),
    readyWorkers: plain('ready_workers'),
    address: plain('address'),
    idleTimeoutSeconds: plain('idle_timeout_seconds'),
    lifetimeSeconds: plain('lifetime_seconds'),
    expiresAt: timestamp('expires_at'),
    startedAt: timestamp('started_at'),
  },
  'id',
  ({ db, param }) =>
    db
      .selectFrom('clusters')
      .where('home', '=', param('home'))
      .where('ended_at', 'is', null)
      .where('id', '>', param('after'))
      .orderBy('id')
      .limit(param('limit')),
)

/** Live clusters of a home, the oldest first, with ids above `after`. */
export function listLiveClusters(
  database: PreparedReader,
  page: { home: string; after: number; limit: number },
): Promise<LiveCluster[]> {
  return listLiveQuery.read(database, page)
}

/** What a pass makes of a cluster. */
export interface ClusterChange {
  readonly id: number
  readonly from: ClusterStatus
  readonly status: ClusterStatus
  readonly reason: ClusterReason
  readonly message: string | null
  readonly readyWorkers: number
  readonly address: string | null
  readonly startedAt: Timestamp | null
  readonly readyAt: Timestamp | null
  readonly expiresAt: Timestamp | null
  readonly endedAt: Timestamp | null
}

const changeQuery = new PreparedQuery<ClusterChange, { id: number }>(({ db, param }) =>
  db
    .updateTable('clusters')
    .set(eb => ({
      status: param('status'),
      reason: param('reason'),
      message: param('message'),
      ready_workers: param('readyWorkers'),
      address: param('address'),
      started_at: eb.fn.coalesce(eb.ref('started_at'), eb.val(param('startedAt'))),
      ready_at: eb.fn.coalesce(eb.ref('ready_at'), eb.val(param('readyAt'))),
      expires_at: eb.fn.coalesce(eb.ref('expires_at'), eb.val(param('expiresAt'))),
      ended_at: param('endedAt'),
    }))
    .where('id', '=', param('id'))
    .where('status', '=', param('from'))
    .returning('id'),
)

/** Changes those that still have the status they are to leave; gives their ids. */
export async function updateClusters(
  trx: Transaction<Tables>,
  dialect: Dialect,
  changes: readonly ClusterChange[],
): Promise<Set<number>> {
  const rows = await Promise.all(changes.map(change => changeQuery.run(trx, dialect, change)))
  return new Set(rows.flat().map(({ id }) => id))
}

/** Of clusters that go on as they are. */
export async function updateReasons(
  trx: Transaction<Tables>,
  ids: readonly number[],
  told: { readonly reason?: ClusterReason; readonly message: string },
): Promise<void> {
  if (ids.length === 0) return
  await trx.updateTable('clusters').set(told).where('id', 'in', ids).execute()
}

/** What is needed of a cluster to launch its workers. */
interface ClusterProgram {
  readonly id: number
  readonly name: string
  /** A JSON array of strings. */
  readonly command: string | null
  /** A JSON object of strings. */
  readonly environment: string
  readonly lifetimeSeconds: number | null
}

export type LockedCluster = Cluster & ClusterProgram & { readonly deletesOnEnd: 0 | 1 }

/** Those of the ids that are live; locks them until the transaction ends. */
export async function lockLiveClusters(
  trx: Transaction<Tables>,
  dialect: Dialect,
  ids: readonly number[],
): Promise<Map<number, LockedCluster>> {
  const rows = await lockLiveQuery.run(
    trx,
    dialect,
    ids.map(id => ({ id })),
  )
  return new Map(rows.map(row => [row.id, row]))
}

const lockLiveQuery = new PreparedRows<{ id: number }, LockedCluster>(['id'], (db, rows, dialect) => {
  const query = db
    .selectFrom('clusters')
    .select([
      ...(['id', 'creator_id as creatorId', 'name', 'cpus', 'memory', 'workers', 'runtime'] as const),
      ...(['status', 'reason', 'command', 'environment'] as const),
      ...(['lifetime_seconds as lifetimeSeconds', 'deletes_on_end as deletesOnEnd'] as const),
    ])
    .where(
      'id',
      'in',
      rows.map(row => row.id),
    )
    .where('ended_at', 'is', null)
    .orderBy('id')
  return dialect === 'postgres' ? query.forUpdate() : query
})

/** For those whose end their creators had asked to be the last of them. */
export async function deleteClusters(
  trx: Transaction<Tables>,
  dialect: Dialect,
  ids: readonly number[],
): Promise<void> {
  await deleteQuery.run(
    trx,
    dialect,
    ids.map(id => ({ id })),
  )
}

const deleteQuery = new PreparedRows<{ id: number }, never>(['id'], (db, rows) =>
  db.deleteFrom('clusters').where(
    'id',
    'in',
    rows.map(row => row.id),
  ),
)
