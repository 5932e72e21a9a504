import { setTimeout as sleep } from 'node:timers/promises'
import { isIPv6 } from 'node:net'
import type { Database } from '../database/database.ts'
import { findAccount, updatePassword, type Account } from '../database/users.ts'
import { TooManyLoginFailures, Unavailable, WrongCredentials } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { FailureLimiter } from '../lib/failure-limiter.ts'
import { needsRehash } from '../lib/password-hash.ts'
import type { PasswordHasher } from '../lib/password.ts'
import { Turns } from '../lib/turns.ts'
import type { IssuedToken, LoginPurpose, Tokens } from './tokens.ts'

/** Failures a minute for one user from one address: from elsewhere the user still gets in. */
const FAILURES_PER_PAIR = 10
/** Failures a minute from one address, whoever it tries to be. */
const FAILURES_PER_ADDRESS = 100

/** Longer than the costliest hash takes, so that a failure tells nothing of the work behind it. */
export const FAILURE_DELAY_MS = 1000

/** Of no password; gives an unknown user the same work as a known one. */
const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2hpamtsbW5vcA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

export interface Credentials {
  readonly username: string
  readonly password: string
}

export class Login {
  readonly #database: Database
  readonly #tokens: Tokens
  readonly #passwords: PasswordHasher
  readonly #clock: Clock
  readonly #failureDelayMs: number
  readonly #turns = new Turns()
  readonly #pairs: FailureLimiter
  readonly #addresses: FailureLimiter

  constructor(
    database: Database,
    options: { tokens: Tokens; passwords: PasswordHasher; clock: Clock; failureDelayMs: number },
  ) {
    this.#database = database
    this.#tokens = options.tokens
    this.#passwords = options.passwords
    this.#clock = options.clock
    this.#failureDelayMs = options.failureDelayMs
    this.#pairs = new FailureLimiter(FAILURES_PER_PAIR, options.clock)
    this.#addresses = new FailureLimiter(FAILURES_PER_ADDRESS, options.clock)
  }

  /**
   * A token for the user. Rejects with `WrongCredentials`, always after the same time and for every cause;
   * with `TooManyLoginFailures` at once, also when the password is right; with `Unavailable` when too many
   * logins wait already.
   */
  login(
    credentials: Credentials,
    { remoteAddress, purpose }: { remoteAddress: string; purpose: LoginPurpose },
  ): Promise<IssuedToken> {
    const address = networkOf(remoteAddress)
    const pair = JSON.stringify([credentials.username, address])
    // One after the other: several at once would wait for each other's hashes, longer for a user who exists
    // and has a costly one; and attempts that are about to succeed would count as failures.
    return this.#turns.run(pair, () => this.#loginNow(credentials, purpose, { pair, address }))
  }

  async #loginNow(
    credentials: Credentials,
    purpose: LoginPurpose,
    { pair, address }: { pair: string; address: string },
  ): Promise<IssuedToken> {
    const startedAt = this.#clock().getTime()
    const wait = this.#pairs.findWaitSeconds(pair) ?? this.#addresses.findWaitSeconds(address)
    if (wait !== undefined) throw new TooManyLoginFailures(wait)
    if (this.#passwords.isFull) throw new Unavailable('Too many logins are waiting. Try again in a moment.')

    const forgivePair = this.#pairs.count(pair)
    const forgiveAddress = this.#addresses.count(address)
    const forgive = () => {
      forgivePair()
      forgiveAddress()
    }
    const token = await this.#tryLogin(credentials, purpose).catch((error: unknown) => {
      // Our own trouble is no wrong password.
      forgive()
      throw error
    })
    if (token === undefined) {
      await this.#waitForFailure(startedAt)
      throw new WrongCredentials('The user name or the password is wrong.')
    }
    forgive()
    return token
  }

  async #tryLogin(credentials: Credentials, purpose: LoginPurpose): Promise<IssuedToken | undefined> {
    const account = await this.#check(credentials)
    return account && (await this.#tokens.issueForLogin(account, account.password, purpose))
  }

  /** Resolves to the account as it was when the password was checked, or as the check has left it. */
  async #check(credentials: Credentials): Promise<Account | undefined> {
    const { username, password } = credentials
    // PostgreSQL refuses a NUL in a text; there is no such user anyway.
    const account = username.includes('\0') ? undefined : await findAccount(this.#database.reads, username)
    const matches = await this.#passwords.verify(password, account?.password ?? NOBODYS_HASH)
    if (!matches || account === undefined || account.disabledAt !== null) return undefined
    if (!needsRehash(account.password)) return account
    // When it has changed meanwhile (most often another login has done the same), it is checked anew.
    return (await this.#rehash(account, password)) ?? (await this.#check(credentials))
  }

  /** What came from Django becomes argon2id while we have the password in hand. */
  async #rehash(account: Account, password: string): Promise<Account | undefined> {
    const hash = await this.#passwords.hash(password)
    const isUpdated = await this.#database.transaction(trx =>
      updatePassword(trx, account.id, hash, account.password),
    )
    return isUpdated ? { ...account, password: hash } : undefined
  }

  /** Until the next whole multiple of the delay, should the work have taken longer than one. */
  async #waitForFailure(startedAt: number): Promise<void> {
    const elapsed = this.#clock().getTime() - startedAt
    const multiple = Math.max(1, Math.ceil(elapsed / this.#failureDelayMs))
    await sleep(multiple * this.#failureDelayMs - elapsed)
  }
}

/** One customer commonly has a whole /64 of IPv6, so that counts as one address. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return groups.slice(0, 4).join(':')
}
