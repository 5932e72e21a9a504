import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { deleteClustersEndedBefore } from '../database/clusters.ts'
import { deleteIdempotencyKeysBefore } from '../database/idempotency.ts'
import type { Database } from '../database/database.ts'
import { deleteReplacedOutputsBefore } from '../database/output.ts'
import { thinSamplesBefore } from '../database/samples.ts'
import type { Tables } from '../database/tables.ts'
import { deleteTokensExpiredBefore } from '../database/tokens.ts'
import { IDEMPOTENCY_KEY_HOURS } from '../domain/limits.ts'
import { addMs, DAY_MS, HOUR_MS, toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'
import { every } from '../lib/every.ts'

const SWEEP_INTERVAL_MS = HOUR_MS
/** One transaction forgets at most so many rows: it holds up every other write. */
const ROWS_PER_TRANSACTION = 500

type DeleteBefore = (trx: Transaction<Tables>, before: Timestamp, limit: number) => Promise<number>

/**
 * Forgets what is past its time: ended clusters, expired tokens, idempotency keys, and outputs of workers that were
 * replaced a day ago, for a worker that fails now and then would fill the database. Of samples that are a day old it keeps
 * one an hour.
 */
export async function sweep(
  database: Database,
  options: { now: Date; retentionDays: number },
): Promise<{ clusters: number }> {
  const { now, retentionDays } = options
  const before = (ms: number) => toTimestamp(addMs(now, -ms))
  await sweepRows(database, deleteTokensExpiredBefore, before(0))
  await sweepRows(database, deleteIdempotencyKeysBefore, before(IDEMPOTENCY_KEY_HOURS * HOUR_MS))
  await sweepRows(database, deleteReplacedOutputsBefore, before(DAY_MS))
  const lastHour = new Date(addMs(now, -DAY_MS).setUTCMinutes(0, 0, 0))
  const thin: DeleteBefore = (trx, at, limit) => thinSamplesBefore(trx, database.dialect, at, limit)
  await sweepRows(database, thin, toTimestamp(lastHour))
  const clusters = await sweepRows(database, deleteClustersEndedBefore, before(retentionDays * DAY_MS))
  return { clusters }
}

/** Resolves to how many there were. */
async function sweepRows(database: Database, deleteBefore: DeleteBefore, before: Timestamp): Promise<number> {
  let count = 0
  for (;;) {
    const some = await database.transaction(trx => deleteBefore(trx, before, ROWS_PER_TRANSACTION))
    count += some
    if (some < ROWS_PER_TRANSACTION) return count
    // On SQLite a transaction is over within a turn of the event loop; the requests of others come between.
    await nextTurn()
  }
}

/** Sweeps now and then every hour; stops when the returned function is called. */
export function startSweeping(
  database: Database,
  options: {
    clock: Clock
    retentionDays: number
    onSwept: (result: { clusters: number }) => void
    onError: (error: unknown) => void
  },
): () => Promise<void> {
  const sweeping = every(SWEEP_INTERVAL_MS, () =>
    sweep(database, { now: options.clock(), retentionDays: options.retentionDays }).then(
      options.onSwept,
      options.onError,
    ),
  )
  sweeping.now()
  return () => sweeping.stop()
}
