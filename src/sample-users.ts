import { readFileSync } from 'node:fs'
import type { Database } from './database/database.ts'
import { hasUsers, type Account } from './database/users.ts'
import { OperatorError } from './domain/errors.ts'
import { SAMPLE_PASSWORD, SAMPLE_USERNAMES } from './domain/user.ts'
import { systemClock, type Clock } from './lib/clock.ts'
import { packageRoot } from './lib/package-root.ts'
import type { PasswordHasher } from './lib/password.ts'
import { loadFixture } from './service/fixtures.ts'
import { Users } from './service/users.ts'

/** Loads the sample users into a database without any. */
export async function loadSampleUsers(database: Database, clock: Clock): Promise<void> {
  if (await hasUsers(database.reads)) return
  await loadFixture(database, { text: readSampleFixture(), clock })
}

/** The names of the sample users who can log in with the password that everybody knows. */
export async function listSampleLogins(database: Database, passwords: PasswordHasher): Promise<string[]> {
  const accounts = await new Users(database, systemClock).list()
  const samples = accounts.filter(
    ({ username, disabledAt }) => disabledAt === null && SAMPLE_USERNAMES.some(sample => sample === username),
  )
  const logins: string[] = []
  for (const account of samples) {
    if (await hasSamplePassword(account, passwords)) logins.push(account.username)
  }
  return logins
}

/** Throws an `OperatorError` when there is one. `reach` says how others can reach the server. */
export async function refuseSampleLogins(
  database: Database,
  passwords: PasswordHasher,
  reach: string,
): Promise<void> {
  const [username] = await listSampleLogins(database, passwords)
  if (username === undefined) return
  throw new OperatorError(
    `${reach}, and the sample user ${username} has the password that everybody knows: ` +
      `run "./bin/clusters user passwd ${username}" or "./bin/clusters user disable ${username}".`,
  )
}

/** Before its first login it is as the fixture has it, and checking that form takes half a second. */
async function hasSamplePassword({ password }: Account, passwords: PasswordHasher): Promise<boolean> {
  const isAsLoaded = password.startsWith('pbkdf2_') && readSampleFixture().includes(password)
  return isAsLoaded || (await passwords.verify(SAMPLE_PASSWORD, password))
}

function readSampleFixture(): string {
  return readFileSync(new URL('fixtures/initial.yaml', packageRoot), 'utf8')
}
