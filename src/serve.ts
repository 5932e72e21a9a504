import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { createApp } from './api/app.ts'
import { isLoopback, readText, type Config } from './config.ts'
import type { Database } from './database/database.ts'
import { openDatabase, type DatabaseLocation } from './database/open.ts'
import { lockForServer } from './database/server-lock.ts'
import { hasUsers } from './database/users.ts'
import { OperatorError, Unavailable } from './domain/errors.ts'
import { SAMPLE_PASSWORD, SAMPLE_USERNAMES, type User } from './domain/user.ts'
import { SECOND_MS, systemClock, type Clock } from './lib/clock.ts'
import { createLog, type Log } from './lib/log.ts'
import { Metrics } from './lib/metrics.ts'
import { packageRoot } from './lib/package-root.ts'
import { PasswordHasher } from './lib/password.ts'
import { startSweeping } from './reconcile/sweep.ts'
import { Clusters } from './service/clusters.ts'
import type { Placement } from './service/creations.ts'
import { loadFixture } from './service/fixtures.ts'
import { FAILURE_DELAY_MS, Login } from './service/login.ts'
import { Tokens } from './service/tokens.ts'
import { Users } from './service/users.ts'

export interface ServeOptions {
  /** Loads fixtures/initial.yaml when there is no user yet. */
  readonly sampleUsers: boolean
  readonly clock?: Clock
  /** A test may share one, and wait less. */
  readonly passwords?: PasswordHasher
  readonly loginFailureDelayMs?: number
}

export interface RunningServer {
  readonly url: string
  readonly hasSampleUsers: boolean
  /** A token without a login. */
  issueToken(user: User): Promise<string>
  /** Answers what is under way, then lets go of everything. */
  stop(): Promise<void>
}

/** With `CLUSTERS_ENGINE=none`: accept and record, for ever; no other engine launches these. */
const NO_ENGINE: Placement = {
  engine: 'none',
  home: 'none',
  reason: 'none_configured',
  message:
    'No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.',
}

/** Requests under way get so long when the server stops. */
const STOP_GRACE_MS = 10 * SECOND_MS
const CLOSE_IDLE_INTERVAL_MS = 50

/** Starts a server by its settings. Rejects with an `OperatorError` of one sentence when it cannot. */
export async function serve(config: Config, options: ServeOptions): Promise<RunningServer> {
  refuseToBeExposed(config)
  const tls = readTls(config)
  prepareDataDir(config.dataDir)
  const undo: (() => unknown)[] = []
  const cleanUp = async () => {
    for (const step of undo.toReversed()) await step()
  }
  try {
    if (config.database.kind === 'sqlite') {
      demandFolder(config.database.path)
      const lock = lockForServer(config.database.path)
      undo.push(() => {
        lock.release()
      })
    }
    const database = await openForOperator(config.database)
    undo.push(() => database.close())
    const passwords = options.passwords ?? new PasswordHasher()
    if (options.passwords === undefined) undo.push(() => passwords.close())
    const clock = options.clock ?? systemClock
    const log = createLog(config.logLevel)

    const hasSampleUsers = options.sampleUsers && (await loadSampleUsers(database, clock))
    if (!isLoopback(config.host)) await refuseSamplePasswords(database, passwords, config.host)

    const services = createServices(database, config, options, { clock, log, passwords })
    const { tokens } = services
    undo.push(() => tokens.close())
    const app = await createApp({
      services,
      quota: config.quota,
      clock,
      log,
      metrics: new Metrics(),
      checkReady: () => checkReady(database),
      allowedHosts: [config.host, ...config.allowedHosts],
      trustProxy: config.trustProxy,
      tls,
    })
    undo.push(startSweepingWithLog(database, config, clock, log), () => closeApp(app))
    return {
      url: await listen(app, config),
      hasSampleUsers,
      issueToken: async user => (await tokens.issueForLogin(user)).value,
      stop: cleanUp,
    }
  } catch (error) {
    await cleanUp()
    throw error
  }
}

function createServices(
  database: Database,
  { quota }: Config,
  { loginFailureDelayMs: failureDelayMs = FAILURE_DELAY_MS }: ServeOptions,
  { clock, log, passwords }: { clock: Clock; log: Log; passwords: PasswordHasher },
) {
  const tokens = new Tokens(database, {
    clock,
    onError: error => {
      log.warn({ err: error }, 'the last use of tokens was not written')
    },
  })
  return {
    tokens,
    clusters: new Clusters(database, { clock, quota, placement: NO_ENGINE }),
    login: new Login(database, { tokens, passwords, clock, failureDelayMs }),
    users: new Users(database, clock),
  }
}

/** Beyond this machine, passwords and tokens must not travel in the clear. */
function refuseToBeExposed({ host, tls, trustProxy }: Config): void {
  if (isLoopback(host) || tls !== undefined || trustProxy.length > 0) return
  throw new OperatorError(
    `CLUSTERS_HOST is ${host}, which others can reach: set CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY, ` +
      'or CLUSTERS_TRUST_PROXY to the address of the proxy that does TLS.',
  )
}

async function refuseSamplePasswords(
  database: Database,
  passwords: PasswordHasher,
  host: string,
): Promise<void> {
  const users = await new Users(database, systemClock).list()
  for (const { username, password, disabledAt } of users) {
    const isSample = SAMPLE_USERNAMES.some(name => name === username) && disabledAt === null
    if (isSample && (await passwords.verify(SAMPLE_PASSWORD, password))) {
      throw new OperatorError(
        `CLUSTERS_HOST is ${host}, which others can reach, and the sample user ${username} has the password ` +
          `that everybody knows: run "clusters user passwd ${username}" or "clusters user disable ${username}".`,
      )
    }
  }
}

function readTls({ tls }: Config) {
  if (tls === undefined) return undefined
  const pair = {
    cert: readText('CLUSTERS_TLS_CERT', tls.certPath),
    key: readText('CLUSTERS_TLS_KEY', tls.keyPath),
  }
  try {
    createSecureContext(pair)
    return pair
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    throw new OperatorError(
      `CLUSTERS_TLS_CERT (${tls.certPath}) and CLUSTERS_TLS_KEY (${tls.keyPath}) are no certificate in PEM and its private key: ${why}.`,
    )
  }
}

/** For us alone: it holds password hashes. Throws an `OperatorError` when it cannot be written. */
export function prepareDataDir(dataDir: string): void {
  // Whatever is created from here on is for us alone as well, the database above all.
  process.umask(0o077)
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    if ((statSync(dataDir).mode & 0o777) !== 0o700) chmodSync(dataDir, 0o700)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new OperatorError(
      `The data folder ${dataDir} cannot be written (${code}): mend its permissions, or set CLUSTERS_DATA_DIR.`,
    )
  }
}

/** Opens the database; every failure becomes an `OperatorError` that names it. */
export async function openForOperator(location: DatabaseLocation): Promise<Database> {
  if (location.kind === 'sqlite') demandFolder(location.path)
  try {
    return await openDatabase(location)
  } catch (error) {
    if (error instanceof OperatorError || !(error instanceof Error)) throw error
    const cause = error instanceof Unavailable && error.cause instanceof Error ? error.cause : error
    const why = cause.message === '' ? 'no connection' : cause.message
    throw new OperatorError(`The database ${describeLocation(location)} cannot be opened: ${why}.`)
  }
}

function demandFolder(databasePath: string): void {
  if (existsSync(dirname(databasePath))) return
  throw new OperatorError(`The folder of the database ${databasePath} does not exist: create it first.`)
}

/** Without a password. */
export function describeLocation(location: DatabaseLocation): string {
  if (location.kind === 'sqlite') return location.path
  return location.url.replace(/\/\/[^@/]*@/, '//').replace(/\?.*$/, '')
}

async function loadSampleUsers(database: Database, clock: Clock): Promise<boolean> {
  if (!(await hasUsers(database.reads))) {
    const text = readFileSync(new URL('fixtures/initial.yaml', packageRoot), 'utf8')
    await loadFixture(database, { text, clock })
  }
  const accounts = await new Users(database, clock).list()
  return SAMPLE_USERNAMES.every(name => accounts.some(({ username }) => username === name))
}

async function checkReady(database: Database): Promise<void> {
  await hasUsers(database.reads)
}

function startSweepingWithLog(database: Database, { retentionDays }: Config, clock: Clock, log: Log) {
  return startSweeping(database, {
    clock,
    retentionDays,
    onSwept: ({ clusters }) => {
      if (clusters > 0) log.info({ clusters }, 'forgot clusters that had ended long ago')
    },
    onError: error => {
      log.error({ err: error }, 'the sweep failed; it is tried again in an hour')
    },
  })
}

async function listen(app: FastifyInstance, { host, port, tls }: Config): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw toListenError(error, host, port)
  }
  const name = host.includes(':') ? `[${host}]` : host
  const address = app.server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  return `${tls === undefined ? 'http' : 'https'}://${name}:${actualPort}`
}

function toListenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return new OperatorError(
        `Port ${port} on ${host} is in use: stop what listens there, or set CLUSTERS_PORT.`,
      )
    case 'EACCES':
      return new OperatorError(`Port ${port} on ${host} needs privileges: set CLUSTERS_PORT to 1024 or more.`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OperatorError(`CLUSTERS_HOST is ${host}, which is no address of this machine.`)
    default:
      return error
  }
}

async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => {
    app.server.closeAllConnections()
  }, STOP_GRACE_MS)
  // Node closes what is idle when it begins to close, but not what becomes idle after its last answer.
  const closeIdle = setInterval(() => {
    app.server.closeIdleConnections()
  }, CLOSE_IDLE_INTERVAL_MS)
  await app.close()
  clearInterval(closeIdle)
  clearTimeout(timer)
}
