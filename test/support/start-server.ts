import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { Database } from '../../src/database/database.ts'
import { openDatabase } from '../../src/database/open.ts'
import type { Launcher } from '../../src/launchers/launcher.ts'
import { PasswordHasher } from '../../src/lib/password.ts'
import { serve } from '../../src/serve.ts'
import { Users } from '../../src/service/users.ts'
import { Caller } from './caller.ts'
import { TestClock } from './clock.ts'
import { createTestDatabase } from './postgres.ts'

/** Which database the tests of this project run on; set by vitest.config.ts. */
export type TestDatabase = 'sqlite' | 'postgres'

export function testDatabase(): TestDatabase {
  return process.env['TEST_DATABASE'] === 'postgres' ? 'postgres' : 'sqlite'
}

export interface TestServer {
  readonly url: string
  readonly clock: TestClock
  /** A second way to the same database, as an operator's command has it. */
  readonly database: Database
  /** A new user, who is logged in. The password of every one is {@link TEST_PASSWORD}. */
  user(options?: { isAdministrator?: boolean; username?: string }): Promise<Caller>
  /** Somebody without a token. */
  readonly nobody: Caller
  /** Passes until one changes nothing. */
  reconcile(): Promise<void>
  stop(): Promise<void>
}

export const TEST_PASSWORD = 'correct horse battery'

// One thread for all servers of a test file: starting it costs more than hashing.
const passwords = new PasswordHasher()
let passwordHash: Promise<string> | undefined

/**
 * A server in this process, on a port of its own and a new database. `settings` are CLUSTERS_* variables.
 * `sampleUsers` loads alice and betty, as `npm start` does.
 */
export async function startServer(
  options: {
    settings?: Record<string, string>
    sampleUsers?: boolean
    /** With it, passes are made by `reconcile()` alone. */
    launcher?: (clock: TestClock) => Launcher
    /** The same launcher with passes that are made by themselves. */
    isAutomatic?: boolean
  } = {},
): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clusters-test-'))
  const config = loadConfig({
    CLUSTERS_PORT: '0',
    CLUSTERS_DATA_DIR: dataDir,
    CLUSTERS_DATABASE: await locateDatabase(dataDir),
    CLUSTERS_LOG_LEVEL: 'error',
    CLUSTERS_ENGINE: 'none',
    ...options.settings,
  })
  const clock = new TestClock()
  const running = await serve(config, {
    sampleUsers: options.sampleUsers ?? false,
    clock: clock.now,
    passwords,
    loginFailureDelayMs: 50,
    ...(options.launcher === undefined ? {} : { launcher: options.launcher(clock) }),
    onlyManualPasses: options.isAutomatic !== true && options.launcher !== undefined,
  })
  const database = await openDatabase(config.database)
  const users = new Users(database, clock.now)
  let count = 0

  return {
    url: running.url,
    clock,
    database,
    nobody: new Caller({ url: running.url }),
    async user({ isAdministrator = false, username }: { isAdministrator?: boolean; username?: string } = {}) {
      count += 1
      const name = username ?? `user-${count}`
      passwordHash ??= passwords.hash(TEST_PASSWORD)
      await users.addWithHash({ username: name, isAdministrator, password: await passwordHash })
      const { id } = await users.getAccount(name)
      const token = await running.issueToken({ id, username: name, isAdministrator })
      return new Caller({ url: running.url, token, id, username: name })
    },
    reconcile: () => running.reconcile(),
    async stop() {
      await running.stop()
      await database.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function locateDatabase(dataDir: string): Promise<string> {
  if (testDatabase() === 'sqlite') return `sqlite:${join(dataDir, 'clusters.db')}`
  const serverUrl = inject('postgresUrl')
  if (serverUrl === undefined) throw new Error('there is no PostgreSQL for this platform')
  return await createTestDatabase(serverUrl)
}
