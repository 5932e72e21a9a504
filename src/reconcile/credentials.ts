import { findCredentials, insertCredentials } from '../database/credentials.ts'
import type { Database } from '../database/database.ts'
import { DAY_MS, addMs, type Clock } from '../lib/clock.ts'

/** Longer than any cluster lives. */
const VALID_DAYS = 20 * 365
/** Clocks of nodes may be behind. */
const EARLIER_DAYS = 1

/**
 * The credentials of a cluster, which are made before its first worker is launched and stay the same from then on: the
 * certificate and its key, in PEM.
 */
export async function getCredentials(database: Database, clusterId: number, clock: Clock): Promise<string> {
  const before = await findCredentials(database, clusterId)
  if (before !== undefined) return before
  // Most servers never need it, and it takes its time to load.
  const { makeOwnCertificate } = await import('../lib/certificate.ts')
  const now = clock()
  const pem = await makeOwnCertificate(`cluster-${clusterId}`, {
    from: addMs(now, -EARLIER_DAYS * DAY_MS),
    until: addMs(now, VALID_DAYS * DAY_MS),
  })
  await database.transaction(trx => insertCredentials(trx, database.dialect, { clusterId, pem }))
  // Another server may have been first.
  return (await findCredentials(database, clusterId)) ?? pem
}
