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
import { EventWatch } from './service/event-watch.ts'
import { Events } from './service/events.ts'
import { Lifecycle } from './service/lifecycle.ts'
import { FAILURE_DELAY_MS, Login } from './service/login.ts'
import { Offer } from './service/offer.ts'
import { TokenWatch } from './service/token-watch.ts'
import { Tokens } from './service/tokens.ts'
import { Users } from './service/users.ts'
import { Waiting } from './service/waiting.ts'
import { Workers } from './service/workers.ts'
import { demandFolder, openForOperator, prepareDataDir } from './storage.ts'

export interface ServeOptions {
  /** Loads fixtures/initial.yaml when there is no user yet. */
  readonly sampleUsers: boolean
  readonly clock?: Clock
  /** A test may share one, and wait less. */
  readonly passwords?: PasswordHasher
  readonly loginFailureDelayMs?: number
  /** Instead of the one that the settings name. */
  readonly launcher?: Launcher
  /** Passes are made when {@link RunningServer.reconcile} says so, and not by themselves. */
  readonly onlyManualPasses?: boolean
}

export interface RunningServer {
  readonly url: string
  /** Names of sample users who can log in with the sample password; none unless they were asked for. */
  readonly sampleLogins: readonly string[]
  /** A token without a login. */
  issueToken(user: User): Promise<string>
  /** What the engine enforces, in one sentence; `undefined` when there is none, or it does not answer. */
  readonly engineSummary: Promise<string | undefined>
  /** Passes until one changes nothing. */
  reconcile(): Promise<void>
  /** Answers what is under way, then lets go of everything. What runs goes on. */
  stop(): Promise<GoingOn>
}

/** What runs without a server. */
export interface GoingOn {
  readonly clusters: number
  readonly workers: number
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

    const engine = await openEngine(config, options, { database, clock, log, undo })
    const services = createServices(database, config, options, { clock, log, passwords, engine })
    const { tokens } = services
    undo.push(() => tokens.close())
    const app = await createApp({
      services,
      quota: config.quota,
      clock,
      log,
      metrics,
      checkReady: () => checkReady(database),
      allowedHosts: [config.host, ...config.allowedHosts],
      trustProxy: config.trustProxy,
      tls,
    })
    undo.push(startSweepingWithLog(database, config, clock, log), prepareToClose(app))
    const url = await listen(app, { host: config.host, port: config.port, isTls: tls !== undefined })
    let goingOn: GoingOn = { clusters: 0, workers: 0 }
    return {
      url,
      sampleLogins: options.sampleUsers ? await listSampleLogins(database, passwords) : [],
      engineSummary: engine?.summary ?? Promise.resolve(undefined),
      issueToken: async user => (await tokens.issueFor(user)).value,
      reconcile: async () => engine?.reconciler.settle(),
      stop: async () => {
        await undo.run()
        return goingOn
      },
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
  const clusters = new Clusters(database, { clock, quota, placement: NO_ENGINE })
  const watch = new EventWatch(database)
  return {
    tokens,
    tokenWatch: new TokenWatch(database),
    offer,
    lifecycle: new Lifecycle(database, { clock, quota, offer }),
    clusters,
    waiting: new Waiting(database, { clusters, watch }),
    events: new Events(database, { watch }),
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
