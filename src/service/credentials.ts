import { findVisibleCredentials } from '../database/credentials.ts'
import type { Database } from '../database/database.ts'
import { NotFound } from '../domain/errors.ts'
import type { User } from '../domain/user.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'

/** What creators need to connect to clusters that let nobody else in. */
export class ClusterCredentials {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * The cluster's own certificate and its key, in PEM. Rejects with the same `NotFound` whether there is no cluster or
   * somebody else created it; administrators are somebody else, too.
   */
  async get(user: User, clusterId: number): Promise<string> {
    const found = await findVisibleCredentials(this.#database, { clusterId, userId: user.id })
    if (found === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    if (found.pem !== null) return found.pem
    throw new NotFound(
      found.status === 'pending'
        ? 'The cluster has no credentials yet: they come with its first worker, if its workers use any.'
        : 'The cluster has no credentials: its workers use none, or it has ended.',
    )
  }
}
