import type { Kysely, Transaction } from 'kysely'
import type { WorkerEndReason, WorkerId, WorkerRole, WorkerStatus } from '../domain/worker.ts'
import type { Timestamp } from '../lib/clock.ts'
import { number, plain, timestamp, type Dialect } from './dialect.ts'
import { JsonRows } from './json-rows.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

/** The latest worker on its seat, as a pass decides on it. */
export interface RecordedWorker {
  readonly id: WorkerId
  readonly clusterId: number
  readonly role: WorkerRole
  readonly seat: number
  readonly status: WorkerStatus
  readonly attempt: number
  readonly schedulerId: WorkerId | null
  readonly cpus: number
  readonly memory: number
  readonly node: string | null
  readonly address: string | null
  readonly reason: WorkerEndReason | null
  /** Set as soon as it is known how it ended. */
  readonly message: string | null
  readonly createdAt: Timestamp
  readonly startedAt: Timestamp | null
  readonly endedAt: Timestamp | null
}

const listUnendedQuery = new PreparedQuery<{ home: string }, { id: WorkerId }>(({ db, param }) =>
  db
    .selectFrom('clusters')
    .innerJoin('workers', 'workers.cluster_id', 'clusters.id')
    .select('workers.id')
    .where('clusters.home', '=', param('home'))
    .where('clusters.ended_at', 'is', null)
    .where('workers.is_latest', '=', 1)
    .where('workers.status', '<>', 'ended'),
)

/** Every worker of the home that is not confirmed gone. */
export async function listUnendedWorkerIds(database: PreparedReader, home: string): Promise<WorkerId[]> {
  const rows = await listUnendedQuery.read(database, { home })
  return rows.map(({ id }) => id)
}

const listLatestQuery = new JsonRows<{ home: string; first: number; last: number }, RecordedWorker>(
  {
    id: plain('workers.id'),
    clusterId: plain('workers.cluster_id'),
    role: plain('workers.role'),
    seat: plain('workers.seat'),
    status: plain('workers.status'),
    attempt: plain('workers.attempt'),
    schedulerId: plain('workers.scheduler_id'),
    cpus: number('workers.cpus'),
    memory: number('workers.memory'),
    node: plain('workers.node'),
    address: plain('workers.address'),
    reason: plain('workers.reason'),
    message: plain('workers.message'),
    createdAt: timestamp('workers.created_at'),
    startedAt: timestamp('workers.started_at'),
    endedAt: timestamp('workers.ended_at'),
  },
  'workers.cluster_id',
  ({ db, param }) =>
    db
      .selectFrom('clusters')
      .innerJoin('workers', 'workers.cluster_id', 'clusters.id')
      .where('clusters.home', '=', param('home'))
      .where('clusters.ended_at', 'is', null)
      .where('clusters.id', '>=', param('first'))
      .where('clusters.id', '<=', param('last'))
      .where('workers.is_latest', '=', 1)
      .orderBy('workers.cluster_id'),
)

/** The latest worker on each seat of the live clusters with ids from `first` to `last`. */
export function listLatestWorkers(
  database: PreparedReader,
  range: { home: string; first: number; last: number },
): Promise<RecordedWorker[]> {
  return listLatestQuery.read(database, range)
}

/** A launch to be recorded. */
export interface NewWorker {
  readonly id: WorkerId
  readonly clusterId: number
  readonly creatorId: number
  readonly role: WorkerRole
  readonly seat: number
  readonly attempt: number
  readonly schedulerId: WorkerId | null
  readonly cpus: number
  readonly memory: number
  /** Whether somebody sat on the seat before; they have ended. */
  readonly isReplacement: boolean
}

const COLUMNS = [
  ...(['id', 'cluster_id', 'creator_id', 'role', 'seat', 'attempt'] as const),
  ...(['scheduler_id', 'cpus', 'memory', 'status', 'is_latest', 'created_at'] as const),
]
type Row = Pick<Tables['workers'], (typeof COLUMNS)[number]>

const insertQuery = new PreparedRows<Row, never>(COLUMNS, (db, rows) => db.insertInto('workers').values(rows))

const leaveSeatQuery = new PreparedQuery<{ cluster: number; role: WorkerRole; seat: number }, never>(
  ({ db, param }) =>
    db
      .updateTable('workers')
      .set({ is_latest: 0 })
      .where('cluster_id', '=', param('cluster'))
      .where('role', '=', param('role'))
      .where('seat', '=', param('seat'))
      .where('is_latest', '=', 1)
      .where('status', '=', 'ended'),
)

/** Records launches. Whoever sat there before has ended, or the database refuses a second one on the seat. */
export async function insertWorkers(
  trx: Transaction<Tables>,
  dialect: Dialect,
  workers: readonly NewWorker[],
  now: Timestamp,
): Promise<void> {
  for (const { clusterId: cluster, role, seat, isReplacement } of workers) {
    if (isReplacement) await leaveSeatQuery.run(trx, dialect, { cluster, role, seat })
  }
  const rows = workers.map((worker): Row => ({
    id: worker.id,
    cluster_id: worker.clusterId,
    creator_id: worker.creatorId,
    role: worker.role,
    seat: worker.seat,
    attempt: worker.attempt,
    scheduler_id: worker.schedulerId,
    cpus: worker.cpus,
    memory: worker.memory,
    status: 'launching',
    is_latest: 1,
    created_at: now,
  }))
  await insertQuery.run(trx, dialect, rows)
}

/** What was seen of a worker that goes on. */
export interface WorkerProgress {
  readonly id: WorkerId
  readonly status: WorkerStatus
  readonly node: string | null
  readonly address: string | null
  readonly startedAt: Timestamp | null
}

const progressQuery = new PreparedQuery<WorkerProgress, never>(({ db, param }) =>
  db
    .updateTable('workers')
    .set({
      status: param('status'),
      node: param('node'),
      address: param('address'),
      started_at: param('startedAt'),
    })
    .where('id', '=', param('id'))
    .where('status', '<>', 'ended'),
)

/** How a worker ends: `stopping` while it is being ended or cleared, `ended` when it is gone. */
export interface WorkerClosing {
  readonly id: WorkerId
  readonly status: 'stopping' | 'ended'
  /** What is known of the rest stays where this is `null`. */
  readonly reason: WorkerEndReason | null
  readonly message: string | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly startedAt: Timestamp | null
  readonly cpuSeconds: number | null
  readonly peakMemoryBytes: number | null
  readonly endedAt: Timestamp | null
}

const closeQuery = new PreparedQuery<WorkerClosing, never>(({ db, param }) =>
  db
    .updateTable('workers')
    .set(eb => ({
      status: param('status'),
      reason: eb.fn.coalesce(eb.val(param('reason')), eb.ref('reason')),
      message: eb.fn.coalesce(eb.val(param('message')), eb.ref('message')),
      exit_code: eb.fn.coalesce(eb.val(param('exitCode')), eb.ref('exit_code')),
      signal: eb.fn.coalesce(eb.val(param('signal')), eb.ref('signal')),
      started_at: eb.fn.coalesce(eb.ref('started_at'), eb.val(param('startedAt'))),
      cpu_seconds: eb.fn.coalesce(eb.val(param('cpuSeconds')), eb.ref('cpu_seconds')),
      peak_memory_bytes: eb.fn.coalesce(eb.val(param('peakMemoryBytes')), eb.ref('peak_memory_bytes')),
      ended_at: param('endedAt'),
    }))
    .where('id', '=', param('id'))
    .where('status', '<>', 'ended'),
)

export async function updateWorkers(
  trx: Transaction<Tables>,
  dialect: Dialect,
  progress: readonly WorkerProgress[],
  closings: readonly WorkerClosing[],
): Promise<void> {
  // Sent together: none needs the answer of another.
  await Promise.all([
    ...progress.map(each => progressQuery.run(trx, dialect, each)),
    ...closings.map(each => closeQuery.run(trx, dialect, each)),
  ])
}

/** What of a home is not confirmed gone. */
export async function countUnended(
  db: Kysely<Tables>,
  home: string,
): Promise<{ clusters: number; workers: number }> {
  const row = await db
    .selectFrom('clusters')
    .innerJoin('workers', 'workers.cluster_id', 'clusters.id')
    .select(eb => [
      eb.fn.count<number>('clusters.id').distinct().as('clusters'),
      eb.fn.countAll<number>().as('workers'),
    ])
    .where('clusters.home', '=', home)
    .where('clusters.ended_at', 'is', null)
    .where('workers.is_latest', '=', 1)
    .where('workers.status', '<>', 'ended')
    .executeTakeFirst()
  return { clusters: row?.clusters ?? 0, workers: row?.workers ?? 0 }
}
