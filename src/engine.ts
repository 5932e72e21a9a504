import { join } from 'node:path'
import type { Config } from './config.ts'
import type { Database } from './database/database.ts'
import { countUnended } from './database/workers.ts'
import { OperatorError } from './domain/errors.ts'
import type { Runtime } from './domain/runtime.ts'
import type { Launcher } from './launchers/launcher.ts'
import { LocalLauncher } from './launchers/local/local-launcher.ts'
import { SlurmLauncher } from './launchers/slurm/slurm-launcher.ts'
import { MINUTE_MS, SECOND_MS, type Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { Metrics } from './lib/metrics.ts'
import type { UndoStack } from './lib/undo-stack.ts'
import { Reconciler } from './reconcile/loop.ts'
import type { Placement } from './service/creations.ts'
import type { EngineHealth } from './service/engine-health.ts'
import type { Offer } from './service/offer.ts'

/** Which engine there is, and what it says of itself. */

/** With `CLUSTERS_ENGINE=none`: accept and record, for ever; no other engine launches these. */
const NO_ENGINE: Placement = {
  engine: 'none',
  home: 'none',
  reason: 'none_configured',
  message:
    'No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.',
}

/** Where new clusters run, and what is said of one until it is launched. */
export function placementFor(launcher: Launcher | undefined): Placement {
  if (launcher === undefined) return NO_ENGINE
  return { engine: launcher.engine, home: launcher.home, reason: 'launching', message: null }
}

/** `undefined` for the engine `none`. Rejects with an `OperatorError` when the engine cannot be used. */
export async function openLauncher(
  { engine, dataDir, local, slurm }: Config,
  around: {
    readonly runtimes: ReadonlyMap<string, Runtime>
    readonly clock: Clock
    readonly onChange: () => void
    readonly onWarning: (message: string) => void
  },
): Promise<Launcher | undefined> {
  if (engine === 'none') return undefined
  const { runtimes, ...rest } = around
  if (engine === 'slurm') {
    const unknown = [...slurm.byRuntime.keys()].find(name => !runtimes.has(name))
    if (unknown !== undefined) {
      const known = [...runtimes.keys()].join(', ')
      throw new OperatorError(`slurm_runtimes has ${unknown}, which is no runtime here; there are ${known}.`)
    }
    return await SlurmLauncher.open({ ...rest, folder: slurm.folder, settings: slurm })
  }
  const programs = [...runtimes.values()].flatMap(({ name, check }) =>
    check === undefined ? [] : [{ runtime: name, check: check.command, missing: check.missing }],
  )
  return await LocalLauncher.open({ ...rest, programs, folder: workersFolder(dataDir), settings: local })
}

/**
 * A worker of the engine local is ended by its keeper when its folder is gone. Not the folder of all: it tells the next
 * server that these were its own workers.
 */
export function describeHowToEndAll({ dataDir }: Config, engine: RunningEngine | undefined): string {
  if (engine === undefined) return ''
  const { launcher } = engine
  if (launcher.engine === 'local') {
    return `, or end all of them with rm -r ${join(workersFolder(dataDir), '*')}/`
  }
  return launcher instanceof SlurmLauncher
    ? `, or end all of them with ${launcher.describeHowToEndAll()}`
    : ''
}

function workersFolder(dataDir: string): string {
  return join(dataDir, 'workers')
}

/** The engine while a server uses it. */
export interface RunningEngine {
  readonly launcher: Launcher
  readonly reconciler: Reconciler
  /** Its first word on what it enforces; `undefined` when it does not answer. */
  readonly summary: Promise<string | undefined>
  /** What goes on without the server; counted when it has stopped. `undefined`: nobody knows. */
  readonly goingOn: () => GoingOn | undefined
}

/** What runs without a server. */
export interface GoingOn {
  readonly clusters: number
  readonly workers: number
}

export interface EngineOptions {
  readonly database: Database
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly offer: Offer
  readonly health: EngineHealth
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Passes are made by themselves, and not only on demand. */
  readonly isAutomatic: boolean
}

/** Runs what is recorded for the launcher's home. What lets go of it is added to `undo`. */
export async function startEngine(
  launcher: Launcher,
  options: EngineOptions,
  undo: UndoStack,
): Promise<RunningEngine> {
  const { database, runtimes, offer, health, clock, log, metrics } = options
  let goingOn: GoingOn | undefined
  const reconciler = new Reconciler({
    database,
    launcher,
    runtimes,
    facts: () => offer.facts,
    clock,
    onPass: ({ ms, clusters }) => {
      metrics.observePass(ms / 1000, clusters)
      health.notePass({ ms, clusters })
    },
    onError: (message, error) => {
      log.error({ err: error }, message)
    },
  })
  // Until then nothing is launched.
  const { summary, stop } = startDescribing(launcher, { offer, health, log }, () => {
    reconciler.wake()
  })
  undo.push(
    async () => {
      // Without its database the server ends all the same.
      goingOn = await countUnended(database.reads, launcher.home).catch(() => undefined)
    },
    stop,
    () => reconciler.stop(),
  )
  if (options.isAutomatic) await reconciler.start()
  return { launcher, reconciler, summary, goingOn: () => goingOn }
}

const DESCRIBE_INTERVAL_MS = MINUTE_MS
/** Until it has answered once nothing is launched. */
const FIRST_INTERVAL_MS = 5 * SECOND_MS

/** Asks the engine what it can do, now and once a minute, for `offer`. */
function startDescribing(
  launcher: Launcher,
  { offer, health, log }: Pick<EngineOptions, 'offer' | 'health' | 'log'>,
  onFirst: () => void,
) {
  const describe = async (): Promise<string | undefined> => {
    try {
      const facts = await launcher.describe()
      const isFirst = offer.facts === undefined
      offer.update(facts)
      health.noteDescription(facts)
      if (isFirst) onFirst()
      return facts.summary
    } catch (error) {
      health.noteProblem(error)
      log.error({ err: error }, 'the engine does not say what it can do; it is asked again')
      return undefined
    }
  }
  const summary = describe()
  let running = summary
  let timer: NodeJS.Timeout | undefined
  const askAgain = () => {
    timer = setTimeout(
      () => {
        running = describe().finally(askAgain)
      },
      offer.facts === undefined ? FIRST_INTERVAL_MS : DESCRIBE_INTERVAL_MS,
    ).unref()
  }
  void summary.then(askAgain)
  const stop = async () => {
    await running
    clearTimeout(timer)
  }
  return { summary, stop }
}
