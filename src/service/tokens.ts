import type { Transaction } from 'kysely'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import {
  deleteToken,
  findPresentedToken,
  hasToken,
  insertToken,
  listTokens,
  updateLastUsedAt,
  type Token,
} from '../database/tokens.ts'
import type { Tables } from '../database/tables.ts'
import { lockAccount } from '../database/users.ts'
import { NotAuthenticated, NotFound } from '../domain/errors.ts'
import { LOGIN_TOKEN_DAYS, SESSION_DAYS } from '../domain/limits.ts'
import type { User } from '../domain/user.ts'
import { addMs, DAY_MS, MINUTE_MS, toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'
import { randomText, sha256Hex } from '../lib/id.ts'
import { takePage, type PageOf } from '../lib/page.ts'

export type { Token }

export const NO_SUCH_TOKEN = 'There is no such token.'

/** Tells scanners for leaked secrets, and our own log, what the text is. */
const TOKEN_PREFIX = 'clu_'
/** 256 bits, 43 characters. */
const TOKEN_BYTES = 32
const TOKEN_LENGTH = TOKEN_PREFIX.length + 43

/** What a login is for: its token is named so, and valid for so many days. */
const LOGINS = {
  token: { name: 'login', days: LOGIN_TOKEN_DAYS },
  session: { name: 'dashboard', days: SESSION_DAYS },
} as const
export type LoginPurpose = keyof typeof LOGINS

/** Uses are gathered for so long before they are written. */
const LAST_USE_DELAY_MS = 200

/** Who a request comes from, and by which token. */
export interface Identity {
  readonly user: User
  readonly tokenId: number
}

/** A new token: the only time its value is seen. */
export interface IssuedToken extends Token {
  readonly value: string
}

export class Tokens {
  readonly #database: Database
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #used = new Set<number>()
  #flushing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  /** `onError` hears of last uses that could not be written; nobody waits for them. */
  constructor(database: Database, options: { clock: Clock; onError: (error: unknown) => void }) {
    this.#database = database
    this.#clock = options.clock
    this.#onError = options.onError
  }

  /** Rejects with `NotAuthenticated` for a value that is unknown, expired, revoked or of a disabled user. */
  async authenticate(value: string): Promise<Identity> {
    if (value.length !== TOKEN_LENGTH || !value.startsWith(TOKEN_PREFIX)) throw notAuthenticated()
    const token = await findPresentedToken(this.#database, sha256Hex(value))
    if (token === undefined) throw notAuthenticated()
    const now = this.#clock()
    if (token.expiresAt !== null && Date.parse(token.expiresAt) <= now.getTime()) throw notAuthenticated()
    if (token.lastUsedAt === null || now.getTime() - Date.parse(token.lastUsedAt) >= MINUTE_MS) {
      this.#noteUse(token.tokenId)
    }
    return { user: token.user, tokenId: token.tokenId }
  }

  /** The user's tokens with ids below `before`, the newest first; expired ones are left out. */
  list(user: User, page: { before: number; limit: number }): Promise<PageOf<Token>> {
    const now = toTimestamp(this.#clock())
    return takePage(page, bounds => listTokens(this.#database.reads, user.id, { ...bounds, now }))
  }

  /**
   * A token asked for with another one. `expiresAt` null: valid until it is revoked. Rejects with
   * `NotAuthenticated` when the other was revoked, or its user disabled, while the request was under way.
   */
  issue({ user, tokenId }: Identity, name: string, expiresAt: Timestamp | null): Promise<IssuedToken> {
    const { dialect } = this.#database
    return this.#database.transaction(async trx => {
      const isLive = (await lockAccount(trx, dialect, user.id)) && (await hasToken(trx, user.id, tokenId))
      if (!isLive) throw notAuthenticated()
      return await this.#insert(trx, user, name, expiresAt)
    })
  }

  /** Without a login. */
  issueFor(user: User): Promise<IssuedToken> {
    return this.#database.transaction(trx => this.#insert(trx, user, LOGINS.token.name, null))
  }

  /**
   * `undefined` when the user is disabled, or has another password by now than the one whose stored `hash` was
   * checked: whoever changes a password wants the old one to open nothing any more.
   */
  issueForLogin(user: User, hash: string, purpose: LoginPurpose): Promise<IssuedToken | undefined> {
    const { name, days } = LOGINS[purpose]
    const expiresAt = toTimestamp(addMs(this.#clock(), days * DAY_MS))
    return this.#database.transaction(async trx => {
      const isCurrent = await lockAccount(trx, this.#database.dialect, user.id, hash)
      return isCurrent ? await this.#insert(trx, user, name, expiresAt) : undefined
    })
  }

  async #insert(
    trx: Transaction<Tables>,
    user: User,
    name: string,
    expiresAt: Timestamp | null,
  ): Promise<IssuedToken> {
    const value = TOKEN_PREFIX + randomText(TOKEN_BYTES)
    const createdAt = toTimestamp(this.#clock())
    const { tokens: id } = await takeNumbers(trx, this.#database.dialect, { tokens: 1 })
    await insertToken(trx, { id, userId: user.id, name, hash: sha256Hex(value), createdAt, expiresAt })
    return { id, name, createdAt, expiresAt, lastUsedAt: null, value }
  }

  /** Rejects with the same `NotFound` whether there is none or it is somebody else's. */
  async revoke(user: User, id: number): Promise<void> {
    const found = await this.#database.transaction(trx => deleteToken(trx, user.id, id))
    if (!found) throw new NotFound(NO_SUCH_TOKEN)
    this.#database.announceChange()
  }

  /** Of the token that a request is made with. Rejects with `NotAuthenticated` when another was faster. */
  async revokeOwn(user: User, tokenId: number): Promise<void> {
    const found = await this.#database.transaction(trx => deleteToken(trx, user.id, tokenId))
    if (!found) throw notAuthenticated()
    this.#database.announceChange()
  }

  /** Writes the last uses that are still gathered. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#flushing
    await this.#writeUses()
  }

  #noteUse(tokenId: number): void {
    if (this.#used.has(tokenId)) return
    this.#used.add(tokenId)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#flushing = this.#writeUses()
    }, LAST_USE_DELAY_MS).unref()
  }

  /** Never rejects. */
  async #writeUses(): Promise<void> {
    const ids = [...this.#used]
    if (ids.length === 0) return
    try {
      const at = toTimestamp(this.#clock())
      const rows = ids.map(id => ({ id }))
      await this.#database.transaction(trx => updateLastUsedAt.run(trx, this.#database.dialect, rows, { at }))
    } catch (error) {
      this.#onError(error)
    }
    // Only now: until the row says so, every request would note the use again.
    for (const id of ids) this.#used.delete(id)
  }
}

function notAuthenticated(): NotAuthenticated {
  return new NotAuthenticated('The token is not valid: it is unknown, expired or revoked.')
}
