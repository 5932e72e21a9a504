import {
  findAdministeredUser,
  getTotals,
  listAdministeredClusters,
  listAdministeredUsers,
  type AdministeredCluster,
  type AdministeredUser,
  type Totals,
} from '../database/administration.ts'
import { insertAuditEntry, listAuditEntries, type AuditEntry } from '../database/audit.ts'
import type { Database } from '../database/database.ts'
import { lockUseOfAll, updateDisabledAt, updateQuota } from '../database/users.ts'
import type { AuditAction } from '../domain/audit.ts'
import { InvalidRequest, NotFound } from '../domain/errors.ts'
import { formatQuota, type Quota } from '../domain/quota.ts'
import type { User } from '../domain/user.ts'
import { toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'
import { NO_SUCH_USER } from './users.ts'

export type { AdministeredCluster, AdministeredUser, AuditEntry }

interface Page {
  readonly before: number
  readonly limit: number
}

/** What administrators do to others: each act is in the audit, in the same transaction. */
export class Administration {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  listUsers(page: Page): Promise<AdministeredUser[]> {
    return listAdministeredUsers(this.#database.reads, page)
  }

  listClusters(page: Page): Promise<AdministeredCluster[]> {
    return listAdministeredClusters(this.#database.reads, page)
  }

  listAudit(page: Page): Promise<AuditEntry[]> {
    return listAuditEntries(this.#database.reads, page)
  }

  getTotals(): Promise<Totals> {
    return getTotals(this.#database.reads)
  }

  /** No login any more, and all tokens are dead at once; what runs goes on. */
  disable(administrator: User, userId: number): Promise<AdministeredUser> {
    if (userId === administrator.id) {
      throw new InvalidRequest({ id: ['is your own: only another administrator can disable you'] })
    }
    return this.#act(administrator, 'disable_user', userId, async (trx, user, now) => {
      if (user.disabledAt !== null) return false
      await updateDisabledAt(trx, userId, now)
      return true
    })
  }

  enable(administrator: User, userId: number): Promise<AdministeredUser> {
    return this.#act(administrator, 'enable_user', userId, async (trx, user) => {
      if (user.disabledAt === null) return false
      await updateDisabledAt(trx, userId, null)
      return true
    })
  }

  /** `null`: the server's own again. What is used above it goes on. */
  setQuota(administrator: User, userId: number, quota: Quota | null): Promise<AdministeredUser> {
    const details = quota === null ? null : formatQuota(quota)
    const set = async (trx: Transaction) => {
      await updateQuota(trx, userId, quota)
      return true
    }
    return this.#act(administrator, 'set_quota', userId, set, details)
  }

  /** `work` tells whether it changed anything: what is so already is no act. */
  async #act(
    administrator: User,
    action: AuditAction,
    userId: number,
    work: (trx: Transaction, user: AdministeredUser, now: Timestamp) => Promise<boolean>,
    details: string | null = null,
  ): Promise<AdministeredUser> {
    const { dialect } = this.#database
    const changed = await this.#database.transaction(async trx => {
      await lockUseOfAll(trx, dialect, [userId])
      const user = await findAdministeredUser(trx, userId)
      if (user === undefined) throw new NotFound(NO_SUCH_USER)
      const at = toTimestamp(this.#clock())
      if (await work(trx, user, at)) {
        const entry = { at, administratorId: administrator.id, action, userId, clusterId: null, details }
        await insertAuditEntry(trx, dialect, entry)
      }
      return await findAdministeredUser(trx, userId)
    })
    if (changed === undefined) throw new NotFound(NO_SUCH_USER)
    // Streams of a disabled user end.
    this.#database.announceChange()
    return changed
  }
}

type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
