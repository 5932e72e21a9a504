import type { Database } from '../database/database.ts'
import { listWorkersJson } from '../database/worker-json.ts'
import { NotFound } from '../domain/errors.ts'
import type { User } from '../domain/user.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'

/** What creators see of the workers of their clusters. */
export class Workers {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** A JSON array. Rejects with the same `NotFound` whether there is no cluster or somebody else created it. */
  async list(user: User, clusterId: number): Promise<string> {
    const json = await listWorkersJson(this.#database, user.id, clusterId)
    if (json === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    return json
  }
}
