import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Launcher,
  LogOptions,
  ObservedState,
  WorkerEnd,
  WorkerSpec,
} from '../../src/launchers/launcher.ts'
import { LocalLauncher, type LocalOptions } from '../../src/launchers/local/local-launcher.ts'
import type { LocalSettings } from '../../src/launchers/local/settings.ts'
import { newWorkerId } from './worker-ids.ts'

const PATIENCE_MS = 20_000

const SETTINGS: LocalSettings = {
  user: undefined,
  cpus: undefined,
  memoryGib: undefined,
  graceSeconds: 1,
  logMib: 64,
  maxProcesses: 256,
}

export const isRoot = process.getuid?.() === 0

export type Changes = Partial<Omit<LocalOptions, 'settings'>> & { settings?: Partial<LocalSettings> }

export function openLocal(folder: string, changes: Changes = {}): Promise<LocalLauncher> {
  return LocalLauncher.open({
    folder,
    clock: () => new Date(),
    programs: [],
    onChange: () => undefined,
    onWarning: message => {
      throw new Error(message)
    },
    watchSeconds: 1,
    ...changes,
    settings: { ...SETTINGS, ...changes.settings },
  })
}

/** Every process that has this worker's tag, or belongs to its group. */
export function findTagged(id: string): number[] {
  return (
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      // The newest first: some do not live long.
      .toSorted((one, other) => Number(other) - Number(one))
      .filter(pid => {
        try {
          const isZombie = readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
          const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
          return !isZombie && variables.includes(`CLUSTER_WORKER_ID=${id}`)
        } catch {
          return false
        }
      })
      .map(Number)
  )
}

/** A home on this machine, and what a test does there. Whatever it starts ends with it. */
export class LocalStory {
  readonly folder = mkdtempSync(join(tmpdir(), 'clusters-local-'))
  readonly #opened: LocalLauncher[] = []
  readonly #changes: Changes

  constructor(changes: Changes = {}) {
    this.#changes = changes
  }

  /** Another server on it; the ones before are as good as killed if they are not used any more. */
  async open(changes: Changes = {}): Promise<LocalLauncher> {
    const settings = { ...this.#changes.settings, ...changes.settings }
    const launcher = await openLocal(this.folder, { ...this.#changes, ...changes, settings })
    this.#opened.push(launcher)
    return launcher
  }

  path(id: string, file = ''): string {
    return join(this.folder, id, file)
  }

  /** Removes a worker's folder. Again where its keeper wrote there meanwhile: rmSync does not look again. */
  async removeFolder(id: string): Promise<void> {
    await waitUntil('its folder is removed', () => {
      spawnSync('rm', ['-rf', this.path(id)])
      return !existsSync(this.path(id))
    })
  }

  async end(): Promise<void> {
    const launcher = await this.open({ settings: { graceSeconds: 0 } })
    await waitUntil('all has ended', async () => {
      const { workers } = await launcher.list([])
      await launcher.terminate(workers.map(({ handle }) => handle))
      return workers.length === 0
    })
    for (const each of this.#opened) await each.close()
    // Of another user.
    rmSync(launcher.home.replace('local:', '/var/tmp/clusters-'), { recursive: true, force: true })
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function specOf(command: readonly string[], changes: Partial<WorkerSpec> = {}): WorkerSpec {
  const id = newWorkerId()
  return {
    ...{ id, clusterId: 1, role: 'worker', index: 0, size: { cpus: 1, memory: 0.25 }, command },
    ...{ runtime: 'command', lifetimeSeconds: null, files: {} },
    ...changes,
    environment: { CLUSTER_WORKER_ID: changes.id ?? id, ...changes.environment },
  }
}

/** Launches one worker; gives its id. */
export async function launchOne(
  launcher: Launcher,
  command: readonly string[],
  changes: Partial<WorkerSpec> = {},
): Promise<string> {
  const spec = specOf(command, changes)
  const outcomes = await launcher.launch([spec])
  if (outcomes[0]?.kind !== 'asked') throw new Error(JSON.stringify(outcomes))
  return spec.id
}

export async function waitUntil(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += 20) {
    if (waitedMs > PATIENCE_MS) throw new Error(`it never came to that: ${what}`)
    await sleep(20)
  }
}

/** `undefined`: it is not listed. */
export async function findState(launcher: Launcher, id: string): Promise<ObservedState | undefined> {
  return (await launcher.list([id])).workers.find(each => each.id === id)?.state
}

export async function waitForState(launcher: Launcher, id: string, kind: ObservedState['kind']) {
  await waitUntil(`${id} is ${kind}`, async () => (await findState(launcher, id))?.kind === kind)
}

export async function waitForEnd(launcher: Launcher, id: string): Promise<WorkerEnd> {
  await waitForState(launcher, id, 'ended')
  const state = await findState(launcher, id)
  if (state?.kind !== 'ended') throw new Error(`${id} has not ended`)
  return state
}

/** As reconcile does: each pass, until it is not listed any more. */
export async function terminateWholly(launcher: Launcher, id: string): Promise<void> {
  await waitUntil(`${id} is gone`, async () => {
    await launcher.terminate([id])
    return (await launcher.list([id])).gone.has(id)
  })
}

export async function readLog(
  launcher: Launcher,
  id: string,
  options: Partial<LogOptions> = {},
): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of launcher.logs(id, { signal: AbortSignal.timeout(10_000), ...options }))
    chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The first process of a worker. */
export function readPid(story: LocalStory, id: string, file: 'started' | 'keeper' = 'started'): number {
  return Number(readFileSync(story.path(id, file), 'utf8').split(' ')[0])
}

export function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
