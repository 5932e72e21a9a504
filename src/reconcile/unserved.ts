import { lockLiveClusters, updateReasons } from '../database/clusters.ts'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { insertEvents } from '../database/events.ts'
import { listUnservedClusterIds } from '../database/lease.ts'
import { MINUTE_MS, toTimestamp, type Clock } from '../lib/clock.ts'
import { every } from '../lib/every.ts'
import { UNSERVED } from './describe.ts'

/** Clusters of homes that no server serves keep their status, and say why nothing happens with them. */

const AT_ONCE = 200

const INTERVAL_MS = MINUTE_MS

/**
 * Looks for them once a minute; the returned function ends it. `home` is served by this server. Not at once: when many
 * servers start together, each holds the lease of its home a moment later.
 */
export function startTellingUnserved(
  database: Database,
  { home, clock, onError }: { home: string; clock: Clock; onError: (error: unknown) => void },
): () => Promise<void> {
  const telling = every(INTERVAL_MS, () => tellUnserved(database, home, clock()).catch(onError))
  return () => telling.stop()
}

export async function tellUnserved(database: Database, home: string, now: Date): Promise<void> {
  const { dialect } = database
  const reason = 'engine_unreachable' as const
  for (;;) {
    const ids = await listUnservedClusterIds(database, { home, message: UNSERVED, limit: AT_ONCE })
    if (ids.length === 0) return
    await database.transaction(async trx => {
      const locked = [...(await lockLiveClusters(trx, dialect, ids)).values()]
      const [stopping, clusters] = [
        locked.filter(({ status }) => status === 'stopping'),
        locked.filter(({ status }) => status !== 'stopping'),
      ]
      // Why it is being stopped stays, so there is no event to tell.
      await updateReasons(trx, listIds(stopping), { message: UNSERVED })
      await updateReasons(trx, listIds(clusters), { reason, message: UNSERVED })
      const numbers = await takeNumbers(trx, dialect, { events: clusters.length })
      const at = toTimestamp(now)
      const rows = clusters.map(({ id, creatorId, status }, index) => ({
        id: numbers.events + index,
        cluster_id: id,
        creator_id: creatorId,
        at,
        status,
        reason,
        message: UNSERVED,
      }))
      if (rows.length > 0) await insertEvents.run(trx, dialect, rows)
    })
    database.announceChange()
  }
}

function listIds(clusters: readonly { readonly id: number }[]): number[] {
  return clusters.map(({ id }) => id)
}
