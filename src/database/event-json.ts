import { sql } from 'kysely'
import type { ClusterStatus } from '../domain/cluster.ts'
import { jsonObject, plain, timestamp } from './dialect.ts'
import { PreparedQuery, type Building, type PreparedReader } from './prepare.ts'

/** An event as the creator of its cluster sees it. */
const FIELDS = {
  id: plain('id'),
  cluster: plain('cluster_id'),
  at: timestamp('at'),
  status: plain('status'),
  reason: plain('reason'),
  message: plain('message'),
}

export interface EventRow {
  readonly id: number
  readonly status: ClusterStatus
  /** As JSON text, in one line. */
  readonly json: string
}

/** Whose events: of all their clusters, those that are gone included, or of one. */
export interface EventsOf {
  readonly userId: number
  readonly clusterId: number | undefined
}

interface Parameters {
  readonly userId: number
  readonly clusterId: number
  /** Ids below this one, or above. */
  readonly bound: number
  readonly limit: number
}

/** Numbers commit in order (counters.ts), so nothing can come in later below one that was seen. */
function eventsQuery(ofCluster: boolean, order: 'asc' | 'desc'): PreparedQuery<Parameters, EventRow> {
  return new PreparedQuery(({ db, dialect, param }: Building<Parameters>) =>
    db
      .selectFrom('events')
      .select(['id', 'status', jsonObject(FIELDS, dialect).as('json')])
      .$if(ofCluster, query => query.where('cluster_id', '=', param('clusterId')))
      // The sign keeps the database from walking all events of the user to find those of one cluster.
      .where(ofCluster ? sql<number>`+creator_id` : 'creator_id', '=', param('userId'))
      .where('id', order === 'asc' ? '>' : '<', param('bound'))
      .orderBy('id', order)
      .limit(param('limit')),
  )
}

const QUERIES = {
  older: { ofUser: eventsQuery(false, 'desc'), ofCluster: eventsQuery(true, 'desc') },
  newer: { ofUser: eventsQuery(false, 'asc'), ofCluster: eventsQuery(true, 'asc') },
}

function read(
  database: PreparedReader,
  which: keyof typeof QUERIES,
  { userId, clusterId }: EventsOf,
  page: { bound: number; limit: number },
): Promise<readonly EventRow[]> {
  const { ofUser, ofCluster } = QUERIES[which]
  const query = clusterId === undefined ? ofUser : ofCluster
  return query.read(database, { userId, clusterId: clusterId ?? 0, ...page })
}

/** With numbers below `before`, the newest first. */
export function listEventsBefore(
  database: PreparedReader,
  of: EventsOf,
  { before, limit }: { before: number; limit: number },
): Promise<readonly EventRow[]> {
  return read(database, 'older', of, { bound: before, limit })
}

/** With numbers above `after`, the oldest first. */
export function listEventsAfter(
  database: PreparedReader,
  of: EventsOf,
  { after, limit }: { after: number; limit: number },
): Promise<readonly EventRow[]> {
  return read(database, 'newer', of, { bound: after, limit })
}

const lastIdQuery = new PreparedQuery<object, { id: number }>(({ db }) =>
  db.selectFrom('counters').select('last_event_id as id'),
)

/** The number of the newest event of all; 0 before the first. */
export async function findLastEventId(database: PreparedReader): Promise<number> {
  const [row] = await lastIdQuery.read(database, {})
  return row?.id ?? 0
}

interface Trace {
  readonly id: number
  readonly creatorId: number
}

const tracesQuery = new PreparedQuery<{ after: number; limit: number }, Trace>(({ db, param }) =>
  db
    .selectFrom('events')
    .select(['id', 'creator_id as creatorId'])
    .where('id', '>', param('after'))
    .orderBy('id')
    .limit(param('limit')),
)

/** Whose events there are with numbers above `after`, the oldest first. */
export function listEventTraces(
  database: PreparedReader,
  page: { after: number; limit: number },
): Promise<readonly Trace[]> {
  return tracesQuery.read(database, page)
}

const statusQuery = new PreparedQuery<{ id: number; userId: number }, { status: ClusterStatus }>(
  ({ db, param }) =>
    db
      .selectFrom('clusters')
      .select('status')
      .where('id', '=', param('id'))
      .where('creator_id', '=', param('userId')),
)

/** `undefined` when there is none with this id, or the user did not create it. */
export async function findVisibleStatus(
  database: PreparedReader,
  userId: number,
  id: number,
): Promise<ClusterStatus | undefined> {
  const [row] = await statusQuery.read(database, { id, userId })
  return row?.status
}
