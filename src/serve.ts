import { createApp } from './api/app.ts'
import { listen, prepareToClose } from './api/listen.ts'
import type { Config } from './config.ts'
import type { Database } from './database/database.ts'
import { lockForServer } from './database/server-lock.ts'
import { hasUsers } from './database/users.ts'
import type { User } from './domain/user.ts'
import {
  describeHowToEndAll,
  openLauncher,
  placementFor,
  startEngine,
  type GoingOn,
  type RunningEngine,
} from './engine.ts'
import { describeReach, readTls, refuseToBeExposed } from './exposure.ts'
import type { Launcher } from './launchers/launcher.ts'
import { systemClock, type Clock } from './lib/clock.ts'
import { createLog, type Log } from './lib/log.ts'
import { Metrics } from './lib/metrics.ts'
import { PasswordHasher } from './lib/password.ts'
import { UndoStack } from './lib/undo-stack.ts'
import { startSweeping } from './reconcile/sweep.ts'
import { startTellingUnserved } from './reconcile/unserved.ts'
import { collectRuntimes } from './runtimes.ts'
import { listSampleLogins, loadSampleUsers, refuseSampleLogins } from './sample-users.ts'
import { FAILURE_DELAY_MS } from './service/login.ts'
import { EngineHealth } from './service/engine-health.ts'
import { Offer } from './service/offer.ts'
import { createServices } from './services.ts'
import { demandFolder, openForOperator, prepareDataDir } from './storage.ts'

export type { GoingOn }

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
  /** How an operator ends everything without a server, in words that follow a sentence; may be empty. */
  readonly howToEndAll: string
  /** Passes until one changes nothing. */
  reconcile(): Promise<void>
  /** Answers what is under way, then lets go of everything. What runs goes on; `undefined`: nobody knows how much. */
  stop(): Promise<GoingOn | undefined>
}

const NOTHING: GoingOn = { clusters: 0, workers: 0 }

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

    const metrics = new Metrics()
    const { services, engine } = await startServices(config, options, {
      database,
      passwords,
      clock,
      log,
      metrics,
      undo,
    })
    const { tokens } = services
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
    return {
      url: await listen(app, { host: config.host, port: config.port, isTls: tls !== undefined }),
      sampleLogins: options.sampleUsers ? await listSampleLogins(database, passwords) : [],
      engineSummary: engine?.summary ?? Promise.resolve(undefined),
      howToEndAll: describeHowToEndAll(config, engine),
      issueToken: async user => (await tokens.issueFor(user)).value,
      reconcile: () => reconcile(engine),
      stop: () => undo.run().then(() => (engine === undefined ? NOTHING : engine.goingOn())),
    }
  } catch (error) {
    // The cause of the failed start is what the operator must hear.
    await undo.run().catch(() => undefined)
    throw error
  }
}

interface Resources {
  readonly database: Database
  readonly passwords: PasswordHasher
}

async function openResources(
  { database: location }: Config,
  options: ServeOptions,
  undo: UndoStack,
): Promise<Resources> {
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

interface Started extends Resources {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly undo: UndoStack
}

/** The engine, and what users can do with it. */
async function startServices(config: Config, options: ServeOptions, started: Started) {
  const { database, passwords, clock, log, undo } = started
  const runtimes = collectRuntimes({
    daskPython: config.daskPython,
    own: config.runtimes,
    portRange: config.schedulerPorts,
    overNetwork: config.engine === 'slurm',
  })
  let engine: RunningEngine | undefined
  const launcher =
    options.launcher ??
    (await openLauncher(config, {
      runtimes,
      clock,
      onChange: () => engine?.reconciler.wake(),
      onWarning: message => {
        log.warn(message)
      },
    }))
  if (launcher !== undefined) undo.push(() => launcher.close())
  const offer = new Offer(launcher?.engine ?? 'none', runtimes)
  const home = launcher?.home ?? 'none'
  const health = new EngineHealth({ engine: offer.engine, home }, clock)
  const services = createServices(database, {
    quota: config.quota,
    price: config.price,
    clock,
    log,
    passwords,
    offer,
    health,
    launcher,
    placement: placementFor(launcher),
    loginFailureDelayMs: options.loginFailureDelayMs ?? FAILURE_DELAY_MS,
  })
  undo.push(() => services.tokens.close())
  const onError = (error: unknown) => {
    log.error(
      { err: error },
      'clusters that no server runs were not looked for; it is tried again in a minute',
    )
  }
  undo.push(startTellingUnserved(database, { home, clock, onError }))
  if (launcher !== undefined) {
    const isAutomatic = options.onlyManualPasses !== true
    engine = await startEngine(launcher, { ...started, runtimes, offer, health, isAutomatic }, undo)
  }
  return { services, engine }
}

async function reconcile(engine: RunningEngine | undefined): Promise<void> {
  // Nothing is launched until it is known what the engine can do.
  await engine?.summary
  await engine?.reconciler.settle()
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
