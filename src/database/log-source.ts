import type { ClusterStatus } from '../domain/cluster.ts'
import type { WorkerId, WorkerRole, WorkerStatus } from '../domain/worker.ts'
import { PreparedQuery, type PreparedReader } from './prepare.ts'

/** One seat of a cluster, and who sits there. */
export interface LogSource {
  readonly status: ClusterStatus
  readonly workers: number
  readonly runtime: string
  readonly engine: string
  readonly home: string
  /** The latest on the seat; `null` before the first launch. */
  readonly workerId: WorkerId | null
  readonly workerStatus: WorkerStatus | null
}

export interface Seat {
  readonly role: WorkerRole
  readonly index: number
}

const findQuery = new PreparedQuery<Seat & { clusterId: number; userId: number }, LogSource>(
  ({ db, param }) =>
    db
      .selectFrom('clusters')
      .leftJoin('workers', join =>
        join
          .onRef('workers.cluster_id', '=', 'clusters.id')
          .on('workers.is_latest', '=', 1)
          .on('workers.role', '=', param('role'))
          .on('workers.seat', '=', param('index')),
      )
      .select([
        ...(['clusters.status', 'clusters.workers', 'clusters.runtime', 'clusters.engine'] as const),
        ...(['clusters.home', 'workers.id as workerId', 'workers.status as workerStatus'] as const),
      ])
      .where('clusters.id', '=', param('clusterId'))
      .where('clusters.creator_id', '=', param('userId')),
)

/** `undefined` when there is no such cluster, or the user did not create it. */
export async function findLogSource(
  database: PreparedReader,
  of: Seat & { readonly clusterId: number; readonly userId: number },
): Promise<LogSource | undefined> {
  const [row] = await findQuery.read(database, of)
  return row
}
