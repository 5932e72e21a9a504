import { lockLiveClusters, updateReasons } from '../database/clusters.ts'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { insertEvents } from '../database/events.ts'
import { listUnservedClusterIds } from '../database/lease.ts'
import { MINUTE_MS, toTimestamp, type Clock } from '../lib/clock.ts'

/** Clusters of homes that no server serves keep their status, and say why nothing happens with them. */

const AT_ONCE = 200

const INTERVAL_MS = MINUTE_MS

/** Looks for them now and once a minute; the returned function ends it. `home` is served by this server. */
export function startTellingUnserved(
  database: Database,
  { home, clock, onError }: { home: string; clock: Clock; onError: (error: unknown) => void },
): () => Promise<void> {
  let running = Promise.resolve()
  const run = () => {
    running = tellUnserved(database, home, clock()).catch(onError)
  }
  run()
  const timer = setInterval(run, INTERVAL_MS).unref()
  return () => {
    clearInterval(timer)
    return running
  }
}

async function tellUnserved(database: Database, home: string, now: Date): Promise<void> {
  const { dialect } = database
  const reason = 'engine_unreachable' as const
  const message =
    'No server serves the place where this cluster runs: it was created with another engine or data folder. ' +
    'Its operator has to start a server with those again.'
  for (;;) {
    const ids = await listUnservedClusterIds(database, { home, limit: AT_ONCE })
    if (ids.length === 0) return
    await database.transaction(async trx => {
      const locked = await lockLiveClusters(trx, dialect, ids)
      const clusters = [...locked.values()].filter(({ status }) => status !== 'stopping')
      await updateReasons(
        trx,
        clusters.map(({ id }) => id),
        { reason, message },
      )
      const numbers = await takeNumbers(trx, dialect, { events: clusters.length })
      const at = toTimestamp(now)
      const rows = clusters.map(({ id, creatorId, status }, index) => ({
        id: numbers.events + index,
        cluster_id: id,
        creator_id: creatorId,
        at,
        status,
        reason,
        message,
      }))
      await insertEvents.run(trx, dialect, rows)
    })
    database.announceChange()
  }
}
