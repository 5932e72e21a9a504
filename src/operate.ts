import { existsSync, readFileSync } from 'node:fs'
import { loadConfig } from './config.ts'
import { OperatorError } from './domain/errors.ts'
import { systemClock } from './lib/clock.ts'
import { errorCodeOf } from './lib/error-code.ts'
import { PasswordHasher } from './lib/password.ts'
import { loadFixture, type LoadReport } from './service/fixtures.ts'
import { usernameProblem, Users } from './service/users.ts'
import { describeLocation, openForOperator, prepareDataDir } from './storage.ts'

export { examineEngine, launchForCheck } from './conformance.ts'

/**
 * What an operator does on the server's own machine, also while it runs: straight on the database, so that
 * nobody can do it over the network.
 */
export interface Operator {
  readonly users: Users
  readonly passwords: PasswordHasher
  /** Rejects with an `OperatorError` when the text, which came from `source`, is no fixture. */
  loadFixture(text: string, source: string): Promise<LoadReport>
}

/** Opens the database of the settings for `work`. `notice` says what the operator should know of it. */
export async function operate<Result>(
  env: Readonly<Record<string, string | undefined>>,
  notice: (sentence: string) => void,
  work: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  const { database: location, dataDir } = loadConfig(env)
  prepareDataDir(dataDir, location)
  if (location.kind === 'sqlite' && !existsSync(location.path)) {
    notice(`Creating a new database, ${describeLocation(location)}.`)
  }
  const database = await openForOperator(location)
  const passwords = new PasswordHasher()
  try {
    const users = new Users(database, systemClock)
    return await work({
      users,
      passwords,
      loadFixture: (text, source) => loadFixture(database, { text, source, clock: systemClock }),
    })
  } finally {
    await passwords.close()
    await database.close()
  }
}

/** Throws an `OperatorError` when it cannot be read. */
export function readFixture(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new OperatorError(`${path} cannot be read (${errorCodeOf(error)}).`)
  }
}

/** Throws an `OperatorError` for what cannot be a user name. */
export function checkUsername(username: string): void {
  const problem = usernameProblem(username)
  if (problem !== undefined) throw new OperatorError(`A user name ${problem}.`)
}
