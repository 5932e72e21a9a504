import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig, type Config } from './config.ts'
import { OperatorError } from './domain/errors.ts'
import type { WorkerId } from './domain/worker.ts'
import { openLauncher } from './engine.ts'
import type { EngineView, Launcher, ObservedState, ObservedWorker, WorkerSpec } from './launchers/launcher.ts'
import { systemClock } from './lib/clock.ts'
import { randomId } from './lib/id.ts'
import type { Environment } from './setting-sources.ts'
import type { Engine } from './settings.ts'

/**
 * Whether an engine does what clusters need of it, tried out on the real one with workers of a home of their own: those
 * of a server that runs meanwhile are not touched.
 */

export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'wrong'
  /** What was found, and how to mend it. */
  readonly message: string
}

interface Site {
  readonly config: Config
  /** Where workers say that they run; on Slurm that has to be where all nodes see it. */
  readonly marks: string
  /** All that is made for the check. */
  readonly folder: string
}

const SIZE = { cpus: 1, memory: 0.125 }
/** A busy engine lets a worker wait. */
const PATIENCE_MS = 120_000
const LOOK_MS = 250
const KILLED_AFTER_MS = [5, 25, 80]
const WORKERS_TO_A_LAUNCH = 4

/** Throws an `OperatorError` for an engine that there is not. */
function prepare(env: Environment, engine: string): Site {
  if (engine !== 'local' && engine !== 'slurm') {
    throw new OperatorError(`There is nothing to try out on an engine ${engine}: name local or slurm.`)
  }
  const config = loadConfig({ ...env, CLUSTERS_ENGINE: engine satisfies Engine })
  const folder = join(engine === 'slurm' ? config.slurm.folder : config.dataDir, 'doctor')
  return {
    config: { ...config, dataDir: folder, slurm: { ...config.slurm, folder } },
    marks: join(folder, 'marks'),
    folder,
  }
}

async function open({ config }: Site): Promise<Launcher> {
  const launcher = await openLauncher(config, {
    runtimes: new Map(),
    clock: systemClock,
    onChange: () => undefined,
    onWarning: () => undefined,
  })
  if (launcher === undefined) throw new OperatorError('There is no engine to try out.')
  return launcher
}

/**
 * `launchCommand`: begins a process that calls {@link launchForCheck} with the ids that are added to it, separated by
 * commas. Rejects with an `OperatorError` when nothing can be tried out at all.
 */
export async function* examineEngine(
  env: Environment,
  engine: string,
  launchCommand: readonly string[],
): AsyncGenerator<Finding> {
  const site = prepare(env, engine)
  // What an earlier check has left that was broken off.
  await mkdir(site.marks, { recursive: true, mode: 0o700 })
  let launcher = await open(site)
  // A launcher keeps no process alive.
  const alive = setInterval(() => undefined, 60_000)
  try {
    const answer = await attempt('engine', async () => {
      const { summary } = await launcher.describe()
      await clearAll(launcher)
      return summary
    })
    yield answer
    if (answer.state === 'wrong') return
    yield* examineWorker(launcher)
    yield await attempt('exit code', () => examineExit(launcher))
    yield await attempt('restart', async () => {
      const ids: WorkerId[] = []
      for (const afterMs of KILLED_AFTER_MS) ids.push(...(await launchAndKill(launchCommand, afterMs)))
      await launcher.close()
      launcher = await open(site)
      return await examineRestart(launcher, ids, site)
    })
  } finally {
    await clearAll(launcher).catch(() => undefined)
    await launcher.close()
    clearInterval(alive)
  }
  yield await attempt('end', async () => {
    await rm(site.folder, { recursive: true, force: true })
    return 'Nothing is left of it.'
  })
}

async function attempt(check: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { check, state: 'ok', message: await work() }
  } catch (error) {
    return { check, state: 'wrong', message: error instanceof Error ? error.message : String(error) }
  }
}

const SAID = 'clusters doctor was here'

async function* examineWorker(launcher: Launcher): AsyncGenerator<Finding> {
  const spec = specOf(['sh', '-c', `echo ${SAID}; exec sleep 3600`])
  let started: ObservedWorker | undefined
  yield await attempt('launch', async () => {
    await launch(launcher, [spec])
    const beganAt = performance.now()
    started = await waitFor(launcher, spec.id, 'started')
    const seconds = ((performance.now() - beganAt) / 1000).toFixed(1)
    return `A worker runs on ${started.node} after ${seconds} s; others reach it at ${started.address}.`
  })
  if (started === undefined) return
  yield await attempt('output', async () => {
    for (const startedAt = performance.now(); performance.now() - startedAt < 10_000; await sleep(LOOK_MS)) {
      if ((await readOutput(launcher, spec.id)).includes(SAID)) return 'What it prints can be read here.'
    }
    throw new Error('What it prints cannot be read here within 10 s: is the folder the same one there?')
  })
  yield await attempt('stop', async () => {
    await clear(launcher, [spec.id])
    return 'It ends when it is told to, and nothing is left of it.'
  })
}

async function examineExit(launcher: Launcher): Promise<string> {
  const spec = specOf(['sh', '-c', 'exit 7'])
  await launch(launcher, [spec])
  const { state } = await waitFor(launcher, spec.id, 'ended')
  await clear(launcher, [spec.id])
  if (state.kind === 'ended' && state.exitCode === 7) return 'A worker that ends with 7 is seen to.'
  const found = state.kind === 'ended' ? (state.message ?? `exit code ${state.exitCode}`) : state.kind
  throw new Error(`A worker that ended with 7 is taken for another one: ${found}.`)
}

/** As a server that is killed in the middle of a launch. */
async function launchAndKill(launchCommand: readonly string[], afterMs: number): Promise<WorkerId[]> {
  const ids = Array.from({ length: WORKERS_TO_A_LAUNCH }, randomId)
  const [program = '', ...args] = launchCommand
  const child = spawn(program, [...args, ids.join(',')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise(resolve => child.once('exit', resolve))
  // It says so when it is about to launch; or it has ended already.
  await Promise.race([new Promise(resolve => child.stdout.once('data', resolve)), ended])
  await sleep(afterMs)
  child.kill('SIGKILL')
  await ended
  return ids
}

/** In the process that is going to be killed. Never resolves. */
export async function launchForCheck(
  env: Environment,
  engine: string,
  ids: readonly WorkerId[],
): Promise<never> {
  const site = prepare(env, engine)
  const launcher = await open(site)
  await launcher.describe()
  process.stdout.write('launching\n')
  await launcher.launch(ids.map(id => specOf(markOf(site, id), id)))
  for (;;) await sleep(60_000)
}

/** Writes a line each time that it runs. */
function markOf({ marks }: Site, id: WorkerId): string[] {
  return ['sh', '-c', 'echo started >> "$0"; exec sleep 3600', join(marks, id)]
}

async function examineRestart(launcher: Launcher, ids: readonly WorkerId[], site: Site): Promise<string> {
  const isSettled = ({ workers, gone }: EngineView) => {
    const started = workers.filter(({ id, state }) => ids.includes(id) && state.kind === 'started')
    return started.length + ids.filter(id => gone.has(id)).length === ids.length
  }
  const { workers } = await lookUntil(launcher, ids, isSettled, 'Each of them is running or gone')
  const running = new Set(workers.map(({ id }) => id))
  // One that comes late would have come by then.
  await sleep(3000)
  for (const id of ids) {
    const text = await readFile(join(site.marks, id), 'utf8').catch(() => '')
    const starts = text.split('\n').length - 1
    if (starts !== (running.has(id) ? 1 : 0)) {
      throw new Error(`A worker that is ${running.has(id) ? 'running' : 'gone'} has begun ${starts} times.`)
    }
  }
  await clear(launcher, ids)
  return (
    `Killed ${KILLED_AFTER_MS.length} times in the middle of a launch: of ${ids.length} workers ${running.size} ran, ` +
    `each once, and ${ids.length - running.size} never will; none is left.`
  )
}

function specOf(command: readonly string[], id: WorkerId = randomId()): WorkerSpec {
  return {
    id,
    clusterId: 0,
    role: 'worker',
    index: 0,
    size: SIZE,
    runtime: 'command',
    lifetimeSeconds: 3600,
    files: {},
    command,
    environment: { CLUSTER_WORKER_ID: id },
  }
}

async function launch(launcher: Launcher, specs: readonly WorkerSpec[]): Promise<void> {
  const outcomes = await launcher.launch(specs)
  for (const outcome of outcomes) if (outcome.kind === 'refused') throw new Error(outcome.message)
}

async function waitFor(
  launcher: Launcher,
  id: WorkerId,
  kind: ObservedState['kind'],
): Promise<ObservedWorker> {
  const view = await lookUntil(
    launcher,
    [id],
    ({ workers }) => workers.some(worker => worker.id === id && worker.state.kind === kind),
    `The worker is ${kind}`,
  )
  const found = view.workers.find(worker => worker.id === id)
  if (found === undefined) throw new Error('It is not there any more.')
  return found
}

async function lookUntil(
  launcher: Launcher,
  ids: readonly WorkerId[],
  isSo: (view: EngineView) => boolean,
  what: string,
): Promise<EngineView> {
  let last = ''
  for (
    const startedAt = performance.now();
    performance.now() - startedAt < PATIENCE_MS;
    await sleep(LOOK_MS)
  ) {
    const view = await launcher.list(ids)
    if (isSo(view)) return view
    last = view.workers.map(describeState).join('; ')
  }
  throw new Error(
    `${what}: not within ${PATIENCE_MS / 1000} s. ${last === '' ? 'There is no worker.' : last}`,
  )
}

function describeState({ state }: ObservedWorker): string {
  if (state.kind === 'queued') return `It waits. ${state.message ?? ''}`.trim()
  if (state.kind === 'ended') return `It has ended: ${state.message ?? `exit code ${state.exitCode}`}.`
  return `It is ${state.kind}.`
}

async function clear(launcher: Launcher, ids: readonly WorkerId[]): Promise<void> {
  const isGone = (view: EngineView) => {
    const left = view.workers.filter(({ id }) => ids.includes(id))
    void launcher.terminate(left.map(({ handle }) => handle)).catch(() => undefined)
    return left.length === 0 && ids.every(id => view.gone.has(id))
  }
  await lookUntil(launcher, ids, isGone, 'Nothing of it is left')
}

async function clearAll(launcher: Launcher): Promise<void> {
  const { workers } = await launcher.list([])
  await clear(
    launcher,
    workers.map(({ id }) => id),
  )
}

async function readOutput(launcher: Launcher, id: WorkerId): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of launcher.logs(id, { signal: AbortSignal.timeout(10_000) })) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
