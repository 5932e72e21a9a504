import { sql, type Kysely, type Transaction } from 'kysely'
import type { Cluster, ClusterStatus } from '../domain/cluster.ts'
import type { Timestamp } from '../lib/clock.ts'
import { json, jsonObject, number, plain, timestamp, type Dialect } from './dialect.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

/** The cluster's resource, field by field: the one map from the row to the JSON that users get. */
const FIELDS = {
  id: plain('id'),
  creator: plain('creator_id'),
  cpus: number('cpus'),
  memory: number('memory'),
  name: plain('name'),
  workers: plain('workers'),
  runtime: plain('runtime'),
  command: json('command'),
  environment: json('environment'),
  status: plain('status'),
  reason: plain('reason'),
  message: plain('message'),
  engine: plain('engine'),
  ready_workers: plain('ready_workers'),
  address: plain('address'),
  idle_timeout_seconds: plain('idle_timeout_seconds'),
  lifetime_seconds: plain('lifetime_seconds'),
  expires_at: timestamp('expires_at'),
  created_at: timestamp('created_at'),
  started_at: timestamp('started_at'),
  ready_at: timestamp('ready_at'),
  ended_at: timestamp('ended_at'),
}

/** A cluster as its creator sees it, as JSON text. */
export type ClusterJson = string

const findVisibleQuery = new PreparedQuery<{ id: number; userId: number }, { body: ClusterJson }>(
  ({ db, dialect, param }) =>
    db
      .selectFrom('clusters')
      .select(jsonObject(FIELDS, dialect).as('body'))
      .where('id', '=', param('id'))
      .where('creator_id', '=', param('userId')),
)

/** `undefined` when there is none with this id, or the user did not create it. */
export function findVisibleClusterJson(
  database: PreparedReader,
  userId: number,
  id: number,
): Promise<ClusterJson | undefined> {
  return findVisibleQuery.read(database, { id, userId }).then(([row]) => row?.body)
}

/** The same for deciding on it. Locks it until the transaction ends. */
export async function findVisibleCluster(
  trx: Transaction<Tables>,
  dialect: Dialect,
  userId: number,
  id: number,
): Promise<Cluster | undefined> {
  const query = trx
    .selectFrom('clusters')
    .select(['id', 'creator_id as creatorId', 'name', 'cpus', 'memory', 'workers', 'status'])
    .where('id', '=', id)
    .where('creator_id', '=', userId)
  return await (dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst()
}

export interface ClusterFilter {
  readonly status: ClusterStatus | undefined
  readonly name: string | undefined
}

interface PageParameters {
  readonly userId: number
  /** Ids below this one. */
  readonly before: number
  readonly limit: number
  readonly status: ClusterStatus
  readonly name: string
}

interface PageRow {
  /** `null` when there are none. */
  body: string | null
  length: number
  last_id: number | null
}

function pageQuery(by: { status: boolean; name: boolean }): PreparedQuery<PageParameters, PageRow> {
  return new PreparedQuery(({ db, dialect, param }) =>
    db
      .selectFrom(
        db
          .selectFrom('clusters')
          .select(['id', jsonObject(FIELDS, dialect).as('body')])
          .where('creator_id', '=', param('userId'))
          .where('id', '<', param('before'))
          .$if(by.status, query => query.where('status', '=', param('status')))
          .$if(by.name, query => query.where('name', '=', param('name')))
          .orderBy('id', 'desc')
          .limit(param('limit'))
          .as('page'),
      )
      .select([
        sql<string | null>`string_agg(page.body, ',' order by page.id desc)`.as('body'),
        sql<number>`count(*)`.as('length'),
        sql<number | null>`min(page.id)`.as('last_id'),
      ]),
  )
}

const PAGE_QUERIES = [false, true].map(status => [false, true].map(name => pageQuery({ status, name })))

/**
 * A page of the user's clusters, the newest first: a JSON array, how many it holds, and the last of their ids.
 */
export async function listClustersJson(
  database: PreparedReader,
  userId: number,
  page: ClusterFilter & { before: number; limit: number },
): Promise<{ json: string; length: number; lastId: number | null }> {
  const { status, name, before, limit } = page
  const query = PAGE_QUERIES[status === undefined ? 0 : 1]?.[name === undefined ? 0 : 1]
  const [row] = (await query?.read(database, {
    userId,
    before,
    limit,
    // An absent filter is not in the query at all.
    status: status ?? 'pending',
    name: name ?? '',
  })) ?? [undefined]
  return { json: `[${row?.body ?? ''}]`, length: row?.length ?? 0, lastId: row?.last_id ?? null }
}

const NEW_COLUMNS = [
  'id',
  'creator_id',
  'name',
  'cpus',
  'memory',
  'workers',
  'runtime',
  'command',
  'environment',
  'status',
  'reason',
  'message',
  'engine',
  'home',
  'idle_timeout_seconds',
  'lifetime_seconds',
  'created_at',
  'ended_at',
] as const

/** What a new cluster is given; the rest stays as the schema says. */
export type NewCluster = Pick<Tables['clusters'], (typeof NEW_COLUMNS)[number]>

/** Gives back each as its creator sees it. */
export const insertClusters = new PreparedRows<NewCluster, { id: number; body: ClusterJson }>(
  NEW_COLUMNS,
  (db, rows, dialect) =>
    db
      .insertInto('clusters')
      .values(rows)
      .returning(['id', jsonObject(FIELDS, dialect).as('body')]),
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
