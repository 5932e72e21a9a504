import type { Transaction } from 'kysely'
import type { WorkerId } from '../domain/worker.ts'
import type { Timestamp } from '../lib/clock.ts'
import type { Dialect } from './dialect.ts'
import { PreparedQuery, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

/** The end of what a worker printed. */
export interface WorkerOutput {
  readonly workerId: WorkerId
  readonly clusterId: number
  readonly output: Uint8Array
}

const insertQuery = new PreparedQuery<WorkerOutput, never>(({ db, param }) =>
  db
    .insertInto('outputs')
    .values({ worker_id: param('workerId'), cluster_id: param('clusterId'), output: param('output') })
    .onConflict(conflict =>
      conflict.column('worker_id').doUpdateSet(eb => ({ output: eb.ref('excluded.output') })),
    ),
)

/** A later one of the same worker takes the place of the one before. */
export async function insertOutput(
  trx: Transaction<Tables>,
  dialect: Dialect,
  output: WorkerOutput,
): Promise<void> {
  await insertQuery.run(trx, dialect, output)
}

const findQuery = new PreparedQuery<{ workerId: WorkerId }, { output: Uint8Array }>(({ db, param }) =>
  db.selectFrom('outputs').select('output').where('worker_id', '=', param('workerId')),
)

/** `undefined` when nothing was kept. */
export async function findOutput(
  database: PreparedReader,
  workerId: WorkerId,
): Promise<Uint8Array | undefined> {
  const [row] = await findQuery.read(database, { workerId })
  return row?.output
}

/** Those of workers that others have replaced, and that ended before `before`; at most `limit`, tells how many. */
export async function deleteReplacedOutputsBefore(
  trx: Transaction<Tables>,
  before: Timestamp,
  limit: number,
): Promise<number> {
  const replaced = trx
    .selectFrom('outputs')
    .innerJoin('workers', 'workers.id', 'outputs.worker_id')
    .select('worker_id')
    .where('workers.is_latest', '=', 0)
    .where('workers.ended_at', '<', before)
    .limit(limit)
  const rows = await trx
    .deleteFrom('outputs')
    .where('worker_id', 'in', replaced)
    .returning('worker_id')
    .execute()
  return rows.length
}
