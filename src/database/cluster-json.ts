import { sql, type Transaction } from 'kysely'
import type { ClusterStatus } from '../domain/cluster.ts'
import { joinTexts, json, jsonObject, number, plain, timestamp, type Dialect } from './dialect.ts'
import { PreparedQuery, type PreparedReader } from './prepare.ts'
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
  bodies: string | null
  last_id: number | null
  has_more: number | boolean
}

function pageQuery(by: { status: boolean; name: boolean }): PreparedQuery<PageParameters, PageRow> {
  return new PreparedQuery(({ db, dialect, param }) => {
    const matching = db
      .selectFrom('clusters')
      .where('creator_id', '=', param('userId'))
      .$if(by.status, query => query.where('status', '=', param('status')))
      .$if(by.name, query => query.where('name', '=', param('name')))
    const rows = matching
      .select(['id', jsonObject(FIELDS, dialect).as('body')])
      .where('id', '<', param('before'))
      .orderBy('id', 'desc')
      .limit(param('limit'))
    const page = db
      .selectFrom(rows.as('row'))
      .select(eb => [
        joinTexts({ column: 'row.body', separator: ',', orderBy: 'row.id', order: 'desc' }, dialect).as(
          'bodies',
        ),
        eb.fn.countAll<number>().as('length'),
        eb.fn.min<number | null>('row.id').as('last_id'),
      ])
    return db.selectFrom(page.as('page')).select(eb => [
      'bodies',
      'last_id',
      eb
        .and([
          eb('length', '=', param('limit')),
          eb.exists(matching.select('id').where('id', '<', sql<number>`page.last_id`)),
        ])
        .$castTo<number | boolean>()
        .as('has_more'),
    ])
  })
}

const PAGE_QUERIES = [false, true].map(status => [false, true].map(name => pageQuery({ status, name })))

/** A page of clusters as a JSON array, and where the next one begins. */
export interface ClusterPage {
  readonly json: string
  /** The last id of this page when there is more. */
  readonly nextBefore: number | undefined
}

/** A page of the user's clusters, the newest first. */
export async function listClustersJson(
  database: PreparedReader,
  userId: number,
  page: ClusterFilter & { before: number; limit: number },
): Promise<ClusterPage> {
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
  const hasMore = row !== undefined && Boolean(row.has_more)
  return { json: `[${row?.bodies ?? ''}]`, nextBefore: hasMore ? (row.last_id ?? undefined) : undefined }
}

const listNewQuery = new PreparedQuery<{ first: number; last: number }, { bodies: string | null }>(
  ({ db, dialect, param }) => {
    const rows = db
      .selectFrom('clusters')
      .select(['id', jsonObject(FIELDS, dialect).as('body')])
      .where('id', '>=', param('first'))
      .where('id', '<=', param('last'))
      .orderBy('id')
    return db
      .selectFrom(rows.as('row'))
      .select(
        joinTexts({ column: 'row.body', separator: '\n', orderBy: 'row.id', order: 'asc' }, dialect).as(
          'bodies',
        ),
      )
  },
)

/** New clusters as their creators see them, by id: `count` of them, from `firstId` on. */
export async function listNewClustersJson(
  trx: Transaction<Tables>,
  dialect: Dialect,
  { firstId, count }: { firstId: number; count: number },
): Promise<ClusterJson[]> {
  const [row] = await listNewQuery.run(trx, dialect, { first: firstId, last: firstId + count - 1 })
  // One text and not a row for each: JSON has no line break of its own.
  return row?.bodies?.split('\n') ?? []
}
