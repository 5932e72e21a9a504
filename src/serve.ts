import { createApp } from './api/app.ts'
import { listen, prepareToClose } from './api/listen.ts'
import type { Config } from './config.ts'
import type { Database } from './database/database.ts'
import { lockForServer } from './database/server-lock.ts'
import { hasUsers } from './database/users.ts'
import type { User } from './domain/user.ts'
import { describeReach, readTls, refuseToBeExposed } from './exposure.ts'
import { systemClock, type Clock } from './lib/clock.ts'
import { createLog, type Log } from './lib/log.ts'
import { Metrics } from './lib/metrics.ts'
import { PasswordHasher } from './lib/password.ts'
import { UndoStack } from './lib/undo-stack.ts'
import { startSweeping } from './reconcile/sweep.ts'
import { collectRuntimes } from './runtimes.ts'
import { listSampleLogins, loadSampleUsers, refuseSampleLogins } from './sample-users.ts'
import { Clusters } from './service/clusters.ts'
import type { Placement } from './service/creations.ts'
import { Lifecycle } from './service/lifecycle.ts'
import { FAILURE_DELAY_MS, Login } from './service/login.ts'
import { Offer } from './service/offer.ts'
import { Tokens } from './service/tokens.ts'
import { Users } from './service/users.ts'
import { Workers } from './service/workers.ts'
import { demandFolder, openForOperator, prepareDataDir } from './storage.ts'

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
  /** Names of sample users who can log in with the sample password; none unless they were asked for. */
  readonly sampleLogins: readonly string[]
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

/** Starts a server by its settings. Rejects with an `OperatorError` of one sentence when it cannot. */
export async function serve(config: Config, options: ServeOptions): Promise<RunningServer> {
  refuseToBeExposed(config)
  const tls = readTls(config)
  prepareDataDir(config.dataDir, config.database)
  const undo = new UndoStack()
  try {
    const clock = options.clock ?? systemClock
    const log = createLog(config.logLevel)
    const { database, passwords } = await openResources(config, options, undo)

    if (options.sampleUsers) await loadSampleUsers(database, clock)
    const reach = describeReach(config)
    if (reach !== undefined) await refuseSampleLogins(database, passwords, reach)

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
    undo.push(startSweepingWithLog(database, config, clock, log), prepareToClose(app))
    return {
      url: await listen(app, { host: config.host, port: config.port, isTls: tls !== undefined }),
      sampleLogins: options.sampleUsers ? await listSampleLogins(database, passwords) : [],
      issueToken: async user => (await tokens.issueFor(user)).value,
      stop: () => undo.run(),
    }
  } catch (error) {
    // The cause of the failed start is what the operator must hear.
    await undo.run().catch(() => undefined)
    throw error
  }
}

async function openResources(
  { database: location }: Config,
  options: ServeOptions,
  undo: UndoStack,
): Promise<{ database: Database; passwords: PasswordHasher }> {
  demandFolder(location)
  if (location.kind === 'sqlite') {
    const lock = lockForServer(location.path)
    undo.push(() => {
      lock.release()
    })
  }
  const database = await openForOperator(location)
  undo.push(() => database.close())
  const passwords = options.passwords ?? new PasswordHasher()
  if (options.passwords === undefined) undo.push(() => passwords.close())
  return { database, passwords }
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
  const offer = new Offer('none', collectRuntimes({ daskPython: 'python3', own: [] }))
  return {
    tokens,
    offer,
    lifecycle: new Lifecycle(database, { clock, quota, offer }),
    clusters: new Clusters(database, { clock, quota, placement: NO_ENGINE }),
    login: new Login(database, { tokens, passwords, clock, failureDelayMs }),
    users: new Users(database, clock),
    workers: new Workers(database),
  }
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
