import { deleteClustersEndedBefore } from '../database/clusters.ts'
import { deleteIdempotencyKeysBefore } from '../database/idempotency.ts'
import type { Database } from '../database/database.ts'
import { deleteTokensExpiredBefore } from '../database/tokens.ts'
import { IDEMPOTENCY_KEY_HOURS } from '../domain/limits.ts'
import { addMs, DAY_MS, HOUR_MS, toTimestamp, type Clock } from '../lib/clock.ts'

const SWEEP_INTERVAL_MS = HOUR_MS
/** One transaction forgets at most so many clusters: it holds up every other write. */
const CLUSTERS_PER_TRANSACTION = 500

/** Forgets what is past its time: ended clusters, expired tokens, idempotency keys. */
export async function sweep(
  database: Database,
  options: { now: Date; retentionDays: number },
): Promise<{ clusters: number }> {
  const { now, retentionDays } = options
  await database.transaction(async trx => {
    await deleteTokensExpiredBefore(trx, toTimestamp(now))
    await deleteIdempotencyKeysBefore(trx, toTimestamp(addMs(now, -IDEMPOTENCY_KEY_HOURS * HOUR_MS)))
  })
  const before = toTimestamp(addMs(now, -retentionDays * DAY_MS))
  let clusters = 0
  for (;;) {
    const some = await database.transaction(trx =>
      deleteClustersEndedBefore(trx, before, CLUSTERS_PER_TRANSACTION),
    )
    clusters += some
    if (some < CLUSTERS_PER_TRANSACTION) return { clusters }
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
  let running = Promise.resolve()
  const run = () => {
    running = sweep(database, { now: options.clock(), retentionDays: options.retentionDays }).then(
      options.onSwept,
      options.onError,
    )
  }
  run()
  const timer = setInterval(run, SWEEP_INTERVAL_MS).unref()
  return () => {
    clearInterval(timer)
    return running
  }
}
