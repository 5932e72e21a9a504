import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import type { Clock } from '../../lib/clock.ts'
import { inParallel } from '../../lib/in-parallel.ts'
import type {
  EngineFacts,
  EngineView,
  Handle,
  Launcher,
  LaunchOutcome,
  LogOptions,
  ObservedWorker,
  WorkerSpec,
} from '../launcher.ts'
import { Cgroups } from './cgroups.ts'
import { prepareGround, type Ground } from './checks.ts'
import { Endings } from './endings.ts'
import { Keepers } from './keepers.ts'
import { describeFacts } from './facts.ts'
import { GroupMembers, TaggedMembers } from './members.ts'
import { Observer } from './observer.ts'
import { pickEnvironment } from '../order.ts'
import { Outputs } from '../outputs.ts'
import { preparePlace, refuse, removePlace } from './place.ts'
import { clearProbes, probeLimits, type HeldLimits } from './probe.ts'
import { findMissingPrograms, type ProgramCheck } from './programs.ts'
import { readBootId } from './processes.ts'
import { FILES, isWorkerId, putNever } from './record.ts'
import { Removal } from './removal.ts'
import type { LocalSettings } from './settings.ts'
import { Starts } from './starts.ts'

export interface LocalOptions {
  /** Of the workers; made when it is not there. */
  readonly folder: string
  readonly clock: Clock
  readonly settings: LocalSettings
  readonly programs: readonly ProgramCheck[]
  /** A worker has started, ended or gone: `list` may say something new. */
  readonly onChange: () => void
  /** A sentence for the operator. */
  readonly onWarning: (message: string) => void
  /** Between two looks of keepers whether a worker's folder is still there. */
  readonly watchSeconds?: number
  /** Tests: as on a machine without cgroups. */
  readonly withoutCgroups?: boolean
}

/** So often files are looked at about which nobody tells us. */
const TICK_MS = 500
/** Workers that are looked at before others have their turn: some milliseconds. */
const WORKERS_AT_ONCE = 32
/** Places that are being made: Node has four threads for it. */
const PLACES_AT_ONCE = 6
/** A shell works on these while the next ones are prepared. */
const WORKERS_TO_A_SHELL = 64
/** A keeper of ours that has not taken its order by then is not waited for. */
const UNDER_WAY_MS = 15_000

/** Workers as processes of this machine. The folder is all it knows; it goes on from there after any crash. */
export class LocalLauncher implements Launcher {
  readonly engine = 'local'
  readonly home: string
  readonly givesWholeCpus = false
  readonly listenHost = '127.0.0.1'
  readonly #options: LocalOptions
  readonly #ground: Ground
  readonly #bootId = readBootId()
  readonly #environment: Readonly<Record<string, string>>
  readonly #cgroups: Cgroups
  readonly #held: Promise<HeldLimits>
  readonly #observer: Observer
  readonly #removal: Removal
  readonly #endings: Endings
  readonly #outputs: Outputs
  readonly #keepers: Keepers
  /** `launch` has not made their folders yet, or has just done so. */
  readonly #launching = new Set<WorkerId>()
  /** Launched, with the time: keepers of ours are about to take their orders. */
  readonly #underWay = new Map<WorkerId, Date>()
  /** `list` has told that they have ended, so their output could be read. */
  readonly #listedAsEnded = new Set<WorkerId>()
  readonly #starts = new Starts()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #isChangeTold = false
  #isClosed = false

  private constructor(options: LocalOptions, ground: Ground) {
    const { folder, clock, settings, onWarning } = options
    this.home = `local:${ground.homeId}`
    this.#options = options
    this.#ground = ground
    this.#environment = pickEnvironment(process.env, ground.account)
    this.#cgroups = options.withoutCgroups === true ? Cgroups.none() : Cgroups.open(ground.homeId)
    this.#held = probeLimits(this.#cgroups)
    const shared = { folder, clock, cgroups: this.#cgroups, bootId: this.#bootId }
    this.#observer = new Observer({
      ...shared,
      isUnderWay: id => this.#isUnderWay(id),
    })
    const members =
      this.#cgroups.version === 0 ? new TaggedMembers(this.#bootId) : new GroupMembers(this.#cgroups)
    const { workRoot, asUser, shell, setsid, rm, chmod } = ground
    this.#removal = new Removal({ folder, workRoot, asUser, rm, chmod, onWarning })
    this.#endings = new Endings({
      ...shared,
      members,
      removal: this.#removal,
      onWarning,
      graceMs: settings.graceSeconds * 1000,
      onGone: id => {
        this.#forget(id)
      },
    })
    this.#outputs = new Outputs(id => join(folder, id, FILES.log), settings.logMib * 1024 ** 2)
    this.#keepers = new Keepers({
      folder,
      environment: this.#environment,
      workRoot,
      startCommand: workRoot === undefined ? [] : [setsid, ...asUser, shell],
      watchSeconds: options.watchSeconds ?? 15,
      cgroups: this.#cgroups,
      onReport: id => {
        this.#starts.tell(id)
        this.#tellChange()
      },
    })
  }

  /** Rejects with an `OperatorError` of one sentence when nothing can run here. */
  static async open(options: LocalOptions): Promise<LocalLauncher> {
    const ground = await prepareGround(options.folder, options.settings.user)
    const launcher = new LocalLauncher(options, ground)
    await launcher.#takeUp()
    return launcher
  }

  /** Goes on with what an earlier server has left. */
  async #takeUp(): Promise<void> {
    const { folder } = this.#options
    this.#removal.begin()
    for (const id of await this.#listIds()) {
      if (existsSync(join(folder, id, FILES.stopping))) this.#endings.begin(id, { isToBeCleared: false })
    }
    clearProbes(this.#cgroups)
    // Whoever removed its folder wants the worker to end.
    for (const id of this.#cgroups.listIds()) {
      if (isWorkerId(id) && !existsSync(join(folder, id))) this.#endings.begin(id, { isToBeCleared: true })
    }
    this.#tick()
  }

  async describe(): Promise<EngineFacts> {
    const { settings, programs } = this.#options
    const { asUser, shell } = this.#ground
    const [held, missingPrograms] = await Promise.all([
      this.#held,
      findMissingPrograms(programs, { shell: [...asUser, shell], environment: this.#environment }),
    ])
    return describeFacts({ settings, held, missingPrograms, cgroups: this.#cgroups })
  }

  warmUp(): void {
    this.#cgroups.rouse()
  }

  async launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchOutcome[]> {
    const now = this.#options.clock()
    for (const { id } of workers) {
      this.#underWay.set(id, now)
      this.#launching.add(id)
    }
    try {
      await this.#held
      const outcomes: LaunchOutcome[] = []
      for (let start = 0; start < workers.length; start += WORKERS_TO_A_SHELL) {
        outcomes.push(...(await this.#launchTogether(workers.slice(start, start + WORKERS_TO_A_SHELL))))
      }
      await this.#starts.wait()
      return outcomes
    } finally {
      for (const { id } of workers) this.#launching.delete(id)
    }
  }

  async #launchTogether(workers: readonly WorkerSpec[]): Promise<LaunchOutcome[]> {
    const options = this.#placeOptions()
    const outcomes = new Map<WorkerId, LaunchOutcome>()
    const orders: WorkerId[] = []
    await inParallel(workers, PLACES_AT_ONCE, async worker => {
      const place = await preparePlace(worker, options)
      if (place === 'ready') {
        orders.push(worker.id)
        this.#starts.expect(worker.id)
      } else this.#underWay.delete(worker.id)
      if (typeof place !== 'string') outcomes.set(worker.id, place)
    })
    try {
      if (orders.length > 0) await this.#keepers.start(orders)
    } catch (error) {
      const refusal = refuse('No process can be started on this machine', error)
      for (const id of orders) if (this.#withdraw(id)) outcomes.set(id, refusal)
    }
    return workers.map(({ id }) => outcomes.get(id) ?? { kind: 'asked' })
  }

  #placeOptions() {
    const { folder, settings } = this.#options
    const { account, workRoot, env, setsid } = this.#ground
    return {
      folder,
      cgroups: this.#cgroups,
      processes: settings.maxProcesses,
      account,
      workRoot,
      order: {
        path: this.#environment['PATH'] ?? '',
        env,
        setsid: workRoot === undefined ? setsid : undefined,
      },
    }
  }

  /** Whether it is sure that nobody takes the order. */
  #withdraw(id: WorkerId): boolean {
    this.#underWay.delete(id)
    this.#starts.tell(id)
    if (!putNever(this.#options.folder, id, FILES.keeper)) return false
    removePlace(id, this.#placeOptions())
    return true
  }

  #isUnderWay(id: WorkerId): boolean {
    const since = this.#underWay.get(id)
    if (since === undefined) return false
    if (this.#options.clock().getTime() - since.getTime() < UNDER_WAY_MS) return true
    this.#underWay.delete(id)
    return false
  }

  async list(recorded: readonly WorkerId[]): Promise<EngineView> {
    const workers: ObservedWorker[] = []
    // As they were before the look: what is launched meanwhile was not there to be seen.
    const launching = new Set(this.#launching)
    const ids = await this.#listIds()
    for (const [index, id] of ids.entries()) {
      const observed = this.#observer.observe(id)
      if (observed === undefined) this.#endings.begin(id, { isToBeCleared: true })
      else workers.push(observed)
      if (observed?.state.kind === 'ended') this.#listedAsEnded.add(id)
      if (index % WORKERS_AT_ONCE === WORKERS_AT_ONCE - 1) await new Promise(setImmediate)
    }
    const existing = new Set(workers.map(({ id }) => id))
    this.#observer.forgetAllBut(existing)
    const missing = recorded.filter(id => !existing.has(id) && !launching.has(id))
    return { workers, gone: new Set(missing.filter(id => !this.#endLeftover(id))) }
  }

  /** Whether anything runs of a worker whose folder somebody has removed; ends it. */
  #endLeftover(id: WorkerId): boolean {
    if ((this.#cgroups.listPids(id) ?? []).length === 0) return false
    this.#endings.begin(id, { isToBeCleared: true })
    return true
  }

  async #listIds(): Promise<WorkerId[]> {
    return (await readdir(this.#options.folder)).filter(isWorkerId).filter(id => id !== 'home')
  }

  terminate(handles: readonly Handle[]): Promise<void> {
    for (const handle of handles) {
      const isToBeCleared = this.#listedAsEnded.has(handle)
      if (isWorkerId(handle)) this.#endings.begin(handle, { isToBeCleared })
    }
    return Promise.resolve()
  }

  async *logs(worker: WorkerId, options: LogOptions): AsyncGenerator<Uint8Array> {
    if (!isWorkerId(worker)) return
    yield* this.#outputs.read(worker, options, () => {
      const kind = this.#observer.observe(worker)?.state.kind
      return kind === undefined || kind === 'ended'
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    // An output that is being cut is whole again before anybody else has it.
    await this.#looking
    await this.#endings.close()
    await this.#removal.close()
    await this.#keepers.close()
    await this.#held
    this.#cgroups.close()
  }

  /** What nobody tells us: outputs that grow, and workers of an earlier server that end. */
  #tick(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#lookAround().finally(() => {
        this.#tick()
      })
    }, TICK_MS).unref()
  }

  async #lookAround(): Promise<void> {
    const { folder, onWarning } = this.#options
    try {
      for (const id of await this.#listIds()) {
        if (this.#isClosed) return
        await this.#outputs.cut(id)
        const isNews = !this.#observer.hasEnded(id) && existsSync(join(folder, id, FILES.ended))
        if (isNews) this.#tellChange()
      }
    } catch (error) {
      onWarning(`The outputs of workers cannot be looked at: ${String(error)}`)
    }
  }

  #forget(id: WorkerId): void {
    this.#underWay.delete(id)
    this.#listedAsEnded.delete(id)
    this.#observer.forget(id)
    this.#outputs.forget(id)
    this.#tellChange()
  }

  /** Many changes at once are told once. */
  #tellChange(): void {
    if (this.#isChangeTold || this.#isClosed) return
    this.#isChangeTold = true
    setImmediate(() => {
      this.#isChangeTold = false
      if (!this.#isClosed) this.#options.onChange()
    })
  }
}
