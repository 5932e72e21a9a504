import { sql, type Transaction } from 'kysely'
import type { ClusterStatus } from '../domain/cluster.ts'
import { joinTexts, json, jsonObject, number, plain, timestamp, type Dialect } from './dialect.ts'
import { PreparedQuery, type Building, type PreparedReader } from './prepare.ts'
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

/** In the transaction that has locked it. */
export async function readClusterJson(
  trx: Transaction<Tables>,
  dialect: Dialect,
  id: number,
): Promise<ClusterJson> {
  const [body] = await listNewClustersJson(trx, dialect, { firstId: id, count: 1 })
  if (body === undefined) throw new Error(`cluster ${id} is locked, and not there`)
  return body
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

interface By {
  readonly status: boolean
  readonly name: boolean
}

function matchingClusters({ db, param }: Building<PageParameters>, by: By) {
  return db
    .selectFrom('clusters')
    .where('creator_id', '=', param('userId'))
    .$if(by.status, query => query.where('status', '=', param('status')))
    .$if(by.name, query => query.where('name', '=', param('name')))
}

function pageQuery(by: By): PreparedQuery<PageParameters, PageRow> {
  return new PreparedQuery(building => {
    const { db, dialect, param } = building
    const rows = matchingClusters(building, by)
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
    const older = matchingClusters(building, by)
      .select('id')
      .where('id', '<', sql<number>`page.last_id`)
    return db.selectFrom(page.as('page')).select(eb => [
      'bodies',
      'last_id',
      eb
        .and([eb('length', '=', param('limit')), eb.exists(older)])
        .$castTo<number | boolean>()
        .as('has_more'),
    ])
  })
}

/**
 * What a creator chose freely in one cluster may be 128 KiB, and more as JSON: a thousand of those are more
 * than a text can be long. So pages of more rows than this are held to as many bytes of it.
 */
const ROWS_OF_ANY_SIZE = 50
const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** How many rows of the page fit {@link MAX_PAGE_BYTES}. */
function fittingQuery(by: By): PreparedQuery<PageParameters, { count: number }> {
  return new PreparedQuery(building => {
    const { db, param } = building
    const sizes = matchingClusters(building, by)
      .select(
        sql<number>`sum(coalesce(length(command), 0) + length(environment)) over (order by id desc)`.as(
          'bytes',
        ),
      )
      .where('id', '<', param('before'))
      .orderBy('id', 'desc')
      .limit(param('limit'))
    return db
      .selectFrom(sizes.as('sizes'))
      .select(eb => eb.fn.countAll<number>().as('count'))
      .where('bytes', '<=', MAX_PAGE_BYTES)
  })
}

const FILTERS = [false, true].flatMap(status => [false, true].map(name => ({ status, name })))
const PAGE_QUERIES = FILTERS.map(by => ({ by, page: pageQuery(by), fitting: fittingQuery(by) }))

/** A page of clusters as a JSON array, and where the next one begins. */
export interface ClusterPage {
  readonly json: string
  /** The last id of this page when there is more. */
  readonly nextBefore: number | undefined
}

/** A page of the user's clusters, the newest first; shorter than `limit` where they are very large. */
export async function listClustersJson(
  database: PreparedReader,
  userId: number,
  page: ClusterFilter & { before: number; limit: number },
): Promise<ClusterPage> {
  const { status, name, before, limit } = page
  const queries = PAGE_QUERIES.find(
    ({ by }) => by.status === (status !== undefined) && by.name === (name !== undefined),
  )
  // An absent filter is not in the query at all.
  const parameters = { userId, before, limit, status: status ?? 'pending', name: name ?? '' }
  if (limit > ROWS_OF_ANY_SIZE) {
    const [fitting] = (await queries?.fitting.read(database, parameters)) ?? []
    parameters.limit = Math.max(ROWS_OF_ANY_SIZE, fitting?.count ?? 0)
  }
  const [row] = (await queries?.page.read(database, parameters)) ?? []
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
