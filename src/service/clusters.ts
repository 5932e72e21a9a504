import {
  findVisibleClusterJson,
  listClustersJson,
  type ClusterFilter,
  type ClusterJson,
  type ClusterPage,
} from '../database/cluster-json.ts'
import type { Database } from '../database/database.ts'
import { CommitGroup } from '../database/group.ts'
import type { ClusterRequest } from '../domain/cluster.ts'
import { NotFound } from '../domain/errors.ts'
import type { User } from '../domain/user.ts'
import {
  Creations,
  type CreatedCluster,
  type Creation,
  type CreationOptions,
  type IdempotencyKey,
} from './creations.ts'

/** Also for what is no id at all: word for word the same. */
export const NO_SUCH_CLUSTER = 'There is no such cluster.'

/** Creating clusters and looking at them. */
export class Clusters {
  readonly #database: Database
  readonly #creations: CommitGroup<Creation, CreatedCluster>

  constructor(database: Database, options: CreationOptions) {
    this.#database = database
    const creations = new Creations(database, options)
    this.#creations = new CommitGroup(database, (trx, group) => creations.answerAll(trx, group))
  }

  /**
   * Stores a cluster; resolves when it is on disk. With a key that was used in the last 24 hours for the
   * same request, resolves to that request's first answer. Rejects with `QuotaExceeded` or
   * `IdempotencyConflict`.
   */
  async create(
    user: User,
    request: ClusterRequest,
    idempotencyKey: IdempotencyKey | undefined,
  ): Promise<CreatedCluster> {
    const created = await this.#creations.add({ user, request, idempotencyKey })
    this.#database.announceChange()
    return created
  }

  /** Rejects with the same `NotFound` whether there is none or somebody else created it. */
  async get(user: User, id: number): Promise<ClusterJson> {
    const found = await findVisibleClusterJson(this.#database, user.id, id)
    if (found === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    return found
  }

  /** The user's clusters with ids below `before`, the newest first. */
  list(user: User, page: ClusterFilter & { before: number; limit: number }): Promise<ClusterPage> {
    return listClustersJson(this.#database, user.id, page)
  }
}
