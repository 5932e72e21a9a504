import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { deleteTokensOf } from '../database/tokens.ts'
import {
  findAccount,
  findUserWithUse,
  insertUser,
  listAccounts,
  updateDisabledAt,
  updatePassword,
  type Account,
} from '../database/users.ts'
import { NotFound, OperatorError } from '../domain/errors.ts'
import type { Quota } from '../domain/quota.ts'
import { MAX_PASSWORD_LENGTH, MAX_USERNAME_LENGTH, MIN_PASSWORD_LENGTH } from '../domain/limits.ts'
import { SAMPLE_PASSWORD, type User, type UserWithUse } from '../domain/user.ts'
import { toTimestamp, type Clock } from '../lib/clock.ts'
import type { PasswordHasher } from '../lib/password.ts'

export const NO_SUCH_USER = 'There is no such user.'

/** Accounts: what a user sees of their own, and what an operator does on the server's machine. */
export class Users {
  readonly #database: Database
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** `quota` is the user's own, `null` when it is what everybody has. */
  async getWithUse(user: User): Promise<UserWithUse & { readonly quota: Quota | null }> {
    const found = await findUserWithUse(this.#database.reads, user.id)
    if (found === undefined) throw new NotFound(NO_SUCH_USER)
    return found
  }

  list(): Promise<Account[]> {
    return listAccounts(this.#database.reads)
  }

  /** Rejects with an `OperatorError` when the name is taken, or the password will not do. */
  async add(
    user: { username: string; password: string; isAdministrator: boolean },
    passwords: PasswordHasher,
  ): Promise<void> {
    checkPassword(user.password)
    await this.addWithHash({ ...user, password: await passwords.hash(user.password) })
  }

  /** The same with a password that is hashed already. */
  async addWithHash(user: { username: string; password: string; isAdministrator: boolean }): Promise<void> {
    const { dialect } = this.#database
    await this.#database.transaction(async trx => {
      const numbers = await takeNumbers(trx, dialect, { users: 1 })
      const createdAt = toTimestamp(this.#clock())
      const added = await insertUser(trx, { ...user, id: numbers.users, disabledAt: null, createdAt })
      // Thrown inside, so that the number is taken back.
      if (!added) throw new OperatorError(`There is a user ${user.username} already.`)
    })
  }

  /** A disabled user cannot log in, and all their tokens are dead at once. */
  async disable(username: string): Promise<void> {
    const account = await this.getAccount(username)
    if (account.disabledAt !== null) return
    await this.#database.transaction(trx => updateDisabledAt(trx, account.id, toTimestamp(this.#clock())))
    this.#database.announceChange()
  }

  /** Their tokens that have not expired work again. */
  async enable(username: string): Promise<void> {
    const account = await this.getAccount(username)
    await this.#database.transaction(trx => updateDisabledAt(trx, account.id, null))
  }

  /** Revokes the user's tokens too: whoever knew the old password may hold some. */
  async setPassword(username: string, password: string, passwords: PasswordHasher): Promise<void> {
    checkPassword(password)
    const account = await this.getAccount(username)
    const hash = await passwords.hash(password)
    await this.#database.transaction(async trx => {
      await updatePassword(trx, account.id, hash)
      await deleteTokensOf(trx, account.id)
    })
    this.#database.announceChange()
  }

  /** Rejects with an `OperatorError` that names the user. */
  async getAccount(username: string): Promise<Account> {
    const account = await findAccount(this.#database.reads, username)
    if (account === undefined) throw new OperatorError(`There is no user ${username}.`)
    return account
  }
}

/** Why this cannot be a user name, or `undefined`. */
export function usernameProblem(username: string): string | undefined {
  if (username === '') return 'must not be empty'
  if (username.length > MAX_USERNAME_LENGTH) return `must be at most ${MAX_USERNAME_LENGTH} characters`
  if (/[\p{Cc}\p{Surrogate}]|^\s|\s$/u.test(username)) {
    return 'must not hold control characters, nor begin or end with a space'
  }
  return undefined
}

function checkPassword(password: string): void {
  if (password === SAMPLE_PASSWORD) {
    throw new OperatorError(`${SAMPLE_PASSWORD} is the sample password that everybody knows: choose another.`)
  }
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
    throw new OperatorError(
      `A password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters; this one has ${password.length}.`,
    )
  }
}
