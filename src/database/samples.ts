import { sql, type Transaction } from 'kysely'
import type { WorkerId } from '../domain/worker.ts'
import type { Timestamp } from '../lib/clock.ts'
import { valuesTable, type Dialect } from './dialect.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

/** What the workers of a cluster used together; `null` where the engine cannot tell. */
export interface Sample {
  readonly at: Timestamp
  /** 1: CPUs on average over the minute, and memory at its end. 60: the highest of that in the hour. */
  readonly minutes: 1 | 60
  readonly cpus: number | null
  readonly memoryBytes: number | null
}

export type NewSample = Omit<Sample, 'minutes'> & { readonly clusterId: number }

const insertQuery = new PreparedRows<NewSample, never>(
  ['clusterId', 'at', 'cpus', 'memoryBytes'],
  (db, rows, dialect) => {
    const values = valuesTable(
      rows.map(row => [row.clusterId, row.at, row.cpus, row.memoryBytes]),
      ['bigint', 'timestamptz', 'double precision', 'double precision'],
      dialect,
    )
    const found = db
      .selectFrom(
        values
          .$castTo<{ column1: number; column2: Timestamp; column3: number | null; column4: number | null }>()
          .as('sample'),
      )
      .innerJoin('clusters', 'clusters.id', 'sample.column1')
      .select(['column1', 'column2', sql.lit<1 | 60>(1).as('minutes'), 'column3', 'column4'])
    return db
      .insertInto('samples')
      .columns(['cluster_id', 'at', 'minutes', 'cpus', 'memory_bytes'])
      .expression(found)
  },
)

/** Of clusters that are forgotten by now nothing is kept. */
export async function insertSamples(
  trx: Transaction<Tables>,
  dialect: Dialect,
  samples: readonly NewSample[],
): Promise<void> {
  await insertQuery.run(trx, dialect, samples)
}

/** What a worker has used since it began. */
export interface WorkerUse {
  readonly id: WorkerId
  readonly cpuSeconds: number | null
  readonly peakMemoryBytes: number | null
}

const useQuery = new PreparedRows<WorkerUse, never>(
  ['id', 'cpuSeconds', 'peakMemoryBytes'],
  (db, rows, dialect) => {
    const values = valuesTable(
      rows.map(({ id, cpuSeconds, peakMemoryBytes }) => [id, cpuSeconds, peakMemoryBytes]),
      ['text', 'double precision', 'double precision'],
      dialect,
    )
    return db
      .updateTable('workers')
      .from(values.$castTo<{ column1: string; column2: number | null; column3: number | null }>().as('use'))
      .set(eb => ({
        cpu_seconds: eb.ref('use.column2'),
        peak_memory_bytes: eb.ref('use.column3'),
      }))
      .whereRef('workers.id', '=', 'use.column1')
      .where('workers.status', '<>', sql.lit('ended'))
  },
)

/** Of workers that have not ended: of those that have, their end has told it. */
export async function updateWorkerUse(
  trx: Transaction<Tables>,
  dialect: Dialect,
  uses: readonly WorkerUse[],
): Promise<void> {
  await useQuery.run(trx, dialect, uses)
}

const listQuery = new PreparedQuery<{ clusterId: number }, Sample>(({ db, param }) =>
  db
    .selectFrom('samples')
    .select(['at', 'minutes', 'cpus', 'memory_bytes as memoryBytes'])
    .where('cluster_id', '=', param('clusterId'))
    .orderBy('at')
    .orderBy('minutes'),
)

/** All that are kept, the oldest first. */
export async function listSamples(database: PreparedReader, clusterId: number): Promise<readonly Sample[]> {
  return await listQuery.read(database, { clusterId })
}

/**
 * Makes one sample an hour, the highest, of those a minute that are older than `before`, a whole hour. Of at most
 * `limit` clusters and hours; tells of how many.
 */
export async function thinSamplesBefore(
  trx: Transaction<Tables>,
  dialect: Dialect,
  before: Timestamp,
  limit: number,
): Promise<number> {
  const hour =
    dialect === 'sqlite'
      ? sql<Timestamp>`substr(at, 1, 13) || ':00:00.000Z'`
      : sql<Timestamp>`date_trunc('hour', at, 'UTC')`
  const hours = await trx
    .selectFrom('samples')
    .select(eb => [
      'cluster_id',
      hour.as('hour'),
      eb.fn.max('at').as('last'),
      eb.fn.max('cpus').as('cpus'),
      eb.fn.max('memory_bytes').as('memory_bytes'),
    ])
    .where('minutes', '=', sql.lit(1))
    .where('at', '<', before)
    .groupBy(['cluster_id', hour])
    .orderBy('cluster_id')
    .limit(limit)
    .execute()
  for (const { cluster_id, hour: at, last, cpus, memory_bytes } of hours) {
    await trx
      .insertInto('samples')
      .values({ cluster_id, at, minutes: 60, cpus, memory_bytes })
      .onConflict(conflict => conflict.doNothing())
      .execute()
    await trx
      .deleteFrom('samples')
      .where('cluster_id', '=', cluster_id)
      .where('minutes', '=', 1)
      .where('at', '>=', at)
      .where('at', '<=', last)
      .execute()
  }
  return hours.length
}
