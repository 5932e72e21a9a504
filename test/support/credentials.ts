import { insertCredentials } from '../../src/database/credentials.ts'
import type { TestServer } from './start-server.ts'

/** As after the first launch of a cluster whose workers let nobody in without. */
export async function giveCredentials({ database }: TestServer, clusterId: number): Promise<void> {
  await database.transaction(trx => insertCredentials(trx, database.dialect, { clusterId, pem: 'PEM' }))
}
