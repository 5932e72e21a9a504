import { sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * Which of several servers runs the passes of a home. The database's own clock counts, for those of two machines
 * differ. A SQLite file has one server anyway (server-lock.ts), which need not wait for a dead one's lease to end.
 */

/** Takes the lease, or makes one's own longer; false while somebody else has it. */
export async function takeLease(
  database: Database,
  { home, holder, seconds }: { home: string; holder: string; seconds: number },
): Promise<boolean> {
  if (database.dialect === 'sqlite') return true
  const expiry = sql<string>`clock_timestamp() + make_interval(secs => ${seconds}::float8)`
  const rows = await database.transaction(trx =>
    trx
      .insertInto('leases')
      .values({ home, holder, expires_at: expiry })
      .onConflict(conflict =>
        conflict
          .column('home')
          .doUpdateSet({ holder, expires_at: expiry })
          .where(eb =>
            eb.or([
              eb('leases.holder', '=', holder),
              eb('leases.expires_at', '<', sql<string>`clock_timestamp()`),
            ]),
          ),
      )
      .returning('home')
      .execute(),
  )
  return rows.length > 0
}

/** Whether the lease is still ours; in the transaction of what only its holder may do, and until that ends. */
export async function holdsLease(
  trx: Transaction<Tables>,
  dialect: Database['dialect'],
  { home, holder }: { home: string; holder: string },
): Promise<boolean> {
  if (dialect === 'sqlite') return true
  const row = await trx
    .selectFrom('leases')
    .select('home')
    .where('home', '=', home)
    .where('holder', '=', holder)
    .forShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Lets the next server begin at once. */
export async function releaseLease(
  database: Database,
  { home, holder }: { home: string; holder: string },
): Promise<void> {
  if (database.dialect === 'sqlite') return
  await database.transaction(trx =>
    trx.deleteFrom('leases').where('home', '=', home).where('holder', '=', holder).execute(),
  )
}

/**
 * Live clusters, at most `limit` of them, that nobody runs, for no server serves their home: its data folder or
 * engine is another one now. With the engine `none` there is nobody to miss. Only those whose message is not yet this one.
 */
export async function listUnservedClusterIds(
  database: Database,
  { home, message, limit }: { home: string; message: string; limit: number },
): Promise<number[]> {
  const rows = await database.reads
    .selectFrom('clusters')
    .select('id')
    .where('ended_at', 'is', null)
    .where('home', 'not in', ['none', home])
    .where(eb => eb.or([eb('message', 'is', null), eb('message', '<>', message)]))
    .$if(database.dialect === 'postgres', query =>
      query.where(eb =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('leases')
              .select('leases.home')
              .whereRef('leases.home', '=', 'clusters.home')
              .where('leases.expires_at', '>', sql<string>`clock_timestamp()`),
          ),
        ),
      ),
    )
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}
