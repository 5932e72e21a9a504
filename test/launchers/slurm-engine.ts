import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import type {
  EngineView,
  Launcher,
  ObservedWorker,
  WorkerEnd,
  WorkerSpec,
} from '../../src/launchers/launcher.ts'
import type { SlurmSettings } from '../../src/launchers/slurm/settings.ts'
import { SlurmLauncher, type SlurmOptions } from '../../src/launchers/slurm/slurm-launcher.ts'
import { SlurmSite, type SlurmOptions as SiteOptions } from '../support/slurm.ts'

export const SLURM_SETTINGS_OF_TESTS: SlurmSettings = {
  partition: undefined,
  account: undefined,
  qos: undefined,
  timeLimitMinutes: undefined,
  flags: [],
  byRuntime: new Map(),
  logMib: 64,
}

export type Changes = Partial<Omit<SlurmOptions, 'settings'>> & { settings?: Partial<SlurmSettings> }

export function openSlurm(site: SlurmSite, folder: string, changes: Changes = {}): Promise<SlurmLauncher> {
  return SlurmLauncher.open({
    folder,
    clock: () => new Date(),
    environment: site.environment,
    onChange: () => undefined,
    onWarning: message => {
      throw new Error(message)
    },
    ...changes,
    settings: { ...SLURM_SETTINGS_OF_TESTS, ...changes.settings },
  })
}

/** A Slurm for all tests of a file, and the launchers on it. Whatever they start ends with it. */
export function useSlurm(options: SiteOptions = {}): SlurmStory {
  const story = new SlurmStory()
  beforeAll(async () => {
    story.site = await SlurmSite.start(options)
  })
  afterAll(() => story.end())
  return story
}

/** Longer than Slurm may take for what it does twice a minute. */
const PATIENCE_MS = 150_000

export class SlurmStory {
  readonly folder = mkdtempSync(join(tmpdir(), 'clusters-slurm-'))
  readonly #opened: SlurmLauncher[] = []
  #site: SlurmSite | undefined

  get site(): SlurmSite {
    if (this.#site === undefined) throw new Error('Slurm has not been started')
    return this.#site
  }

  set site(site: SlurmSite) {
    this.#site = site
  }

  /** Another server of the home; the ones before are as good as killed if they are not used any more. */
  async open(home = 'home', changes: Changes = {}): Promise<SlurmLauncher> {
    const launcher = await openSlurm(this.site, join(this.folder, home), changes)
    this.#opened.push(launcher)
    return launcher
  }

  /** As an administrator does it. */
  async cancelAll(): Promise<void> {
    await this.site.run('scancel', `--user=${userInfo().username}`)
  }

  async end(): Promise<void> {
    for (const each of this.#opened) await each.close()
    await this.#site?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Looks until it is so; a look that fails is one that says nothing. */
export async function lookUntil(
  launcher: Launcher,
  ids: readonly string[],
  isSo: (view: EngineView) => boolean,
): Promise<EngineView> {
  let last: unknown
  for (const startedAt = performance.now(); performance.now() - startedAt < PATIENCE_MS; await sleep(50)) {
    try {
      const view = await launcher.list(ids)
      if (isSo(view)) return view
      last = view.workers.map(({ id, state }) => [id, state])
    } catch (error) {
      last = error
    }
  }
  throw new Error(`it never came to that: ${JSON.stringify(last)}`)
}

export function find(view: EngineView, id: string): ObservedWorker | undefined {
  return view.workers.find(each => each.id === id)
}

export async function waitForStart(launcher: Launcher, id: string): Promise<ObservedWorker> {
  const view = await lookUntil(launcher, [id], each => find(each, id)?.state.kind === 'started')
  const worker = find(view, id)
  if (worker === undefined) throw new Error(`${id} is not listed`)
  return worker
}

export async function waitForEnd(launcher: Launcher, id: string): Promise<WorkerEnd> {
  const view = await lookUntil(launcher, [id], each => find(each, id)?.state.kind === 'ended')
  const state = find(view, id)?.state
  if (state?.kind !== 'ended') throw new Error(`${id} has not ended`)
  return state
}

/** Until nothing of them is left. */
export async function clear(launcher: Launcher, ids: readonly string[]): Promise<void> {
  await lookUntil(launcher, ids, view => {
    const left = view.workers.filter(({ id }) => ids.includes(id))
    void launcher.terminate(left.map(({ handle }) => handle))
    return ids.every(id => view.gone.has(id))
  })
}

export async function launchAll(launcher: Launcher, specs: readonly WorkerSpec[]): Promise<string[]> {
  const outcomes = await launcher.launch(specs)
  const refused = outcomes.find(({ kind }) => kind === 'refused')
  if (refused !== undefined) throw new Error(JSON.stringify(refused))
  return specs.map(({ id }) => id)
}
