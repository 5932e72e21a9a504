import type { WorkerId } from '../../domain/worker.ts'
import type { Clock } from '../../lib/clock.ts'
import { randomId } from '../../lib/id.ts'
import type {
  EngineFacts,
  EngineView,
  Handle,
  Launcher,
  LaunchOutcome,
  LogOptions,
  WorkerSpec,
} from '../launcher.ts'
import { Outputs } from '../outputs.ts'
import { scancel, showConfig, sinfo } from './commands.ts'
import { describeSlurm } from './facts.ts'
import { prepareGround, refuseUnknownPartitions, type Ground } from './ground.ts'
import { jobNameOf } from './jobs.ts'
import { Looker, type Seen } from './looker.ts'
import { parseConfig, parseNodes, selectNodes } from './nodes.ts'
import { Observer } from './observer.ts'
import type { Place } from './places.ts'
import { QueuePositions } from './queue.ts'
import { listPartitions, type SlurmSettings } from './settings.ts'
import { mayHaveBeenSubmitted, SlurmError } from './slurm.ts'
import { Submission } from './submission.ts'
import { Watch } from './watch.ts'

export interface SlurmOptions {
  /** On a file system that all nodes share; made when it is not there. */
  readonly folder: string
  readonly clock: Clock
  readonly settings: SlurmSettings
  /** `list` may say something new. */
  readonly onChange: () => void
  /** A sentence for the operator. */
  readonly onWarning: (message: string) => void
  /** Tests: instead of this process' own. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** Slurm's own default, until it has been asked. */
const MAX_ARRAY_SIZE = 1001
/** A line of arguments must not become too long. */
const JOBS_TO_AN_SCANCEL = 500
/** Slurm has heard it, and takes its time; only then it is told again. */
const CANCEL_AGAIN_MS = 10_000
/** Longer than its programs may take. */
const LOOK_TIMEOUT_MS = 90_000
/** Between two looks whether a worker has ended whose output is followed. */
const END_INTERVAL_MS = 500
/** Of running workers, so that many have their turn soon: the outputs that are looked at in one pass. */
const OUTPUTS_AT_ONCE = 8

/** Workers as jobs of Slurm. Its folder and Slurm are all it knows; it goes on from there after any crash. */
export class SlurmLauncher implements Launcher {
  readonly engine = 'slurm'
  readonly home: string
  readonly givesWholeCpus = true
  /** Where a worker's node is reached is known on that node; its job puts it there. */
  readonly listenHost = `node-address-${randomId()}`
  readonly #options: SlurmOptions
  readonly #ground: Ground
  readonly #submission: Submission
  readonly #looker: Looker
  readonly #outputs: Outputs
  readonly #watch: Watch
  #maxArraySize = MAX_ARRAY_SIZE
  #addresses: ReadonlyMap<string, string> | undefined
  #seen: ReadonlyMap<Handle, Seen> = new Map()
  #placesById: ReadonlyMap<WorkerId, Place> = new Map()
  /** By handle, when it was cancelled. */
  readonly #cancelled = new Map<Handle, Date>()
  #nextOutput = 0

  private constructor(options: SlurmOptions, ground: Ground) {
    const { clock, settings, onChange, onWarning } = options
    const { slurm, places, homeId, path } = ground
    this.#options = options
    this.#ground = ground
    this.home = `slurm:${homeId}`
    this.#submission = new Submission({
      slurm,
      places,
      homeId,
      settings,
      path,
      onWarning,
      addressMark: this.listenHost,
    })
    const positions = new QueuePositions(slurm, clock)
    const observer = new Observer({
      places,
      clock,
      addressOf: node => this.#addresses?.get(node) ?? node,
      positionOf: job => positions.find(job),
      isCancelled: ({ name }) => this.#cancelled.has(name),
    })
    this.#looker = new Looker({ ...ground, observer, underWay: this.#submission.underWay })
    this.#outputs = new Outputs(
      id => {
        const place = this.#placesById.get(id)
        return place === undefined ? '' : places.outputPath(place)
      },
      settings.logMib * 1024 ** 2,
    )
    this.#watch = new Watch({ listNews: () => places.listNews(), onChange })
  }

  /** Rejects with an `OperatorError` of one sentence when it can never work as it is set up. */
  static async open(options: SlurmOptions): Promise<SlurmLauncher> {
    const launcher = new SlurmLauncher(options, await prepareGround(options))
    await launcher.#ground.places.sweep()
    return launcher
  }

  /** A line for the operator's shell. */
  describeHowToEndAll(): string {
    const name = jobNameOf(this.#ground.homeId, '')
    return `squeue -u ${this.#ground.user} -h -o '%A %j' | awk '$2 ~ /^${name}/ {print $1}' | sort -u | xargs scancel`
  }

  async describe(): Promise<EngineFacts> {
    const { slurm, places } = this.#ground
    const { settings } = this.#options
    const [nodesText, configText] = await Promise.all([slurm.run(sinfo()), slurm.run(showConfig())])
    const nodes = parseNodes(nodesText)
    const partitions = listPartitions(settings)
    refuseUnknownPartitions(nodes, partitions)
    const config = parseConfig(configText)
    this.#maxArraySize = config.maxArraySize
    const addresses = new Map(nodes.map(({ name, address }) => [name, address]))
    if (!isSameMap(addresses, this.#addresses)) {
      await places.writeNodes(nodes.map(({ name, address }) => `${name} ${address}\n`).join(''))
      this.#addresses = addresses
    }
    return describeSlurm(config, selectNodes(nodes, partitions))
  }

  async launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchOutcome[]> {
    this.#watch.expect()
    const outcomes = await this.#submission.submit(workers, this.#maxArraySize)
    this.#watch.expect()
    return outcomes
  }

  async list(recorded: readonly WorkerId[]): Promise<EngineView> {
    // A worker's address is told once: not before it is known.
    if (this.#addresses === undefined) await this.describe()
    const { workers, gone, seen, places, isSettling } = await this.#inTime(this.#looker.look(recorded))
    this.#seen = seen
    this.#placesById = byId(places)
    for (const handle of this.#cancelled.keys()) if (!seen.has(handle)) this.#cancelled.delete(handle)
    this.#watch.noteSettling(isSettling)
    await this.#cutOutputs()
    return { workers, gone }
  }

  async terminate(handles: readonly Handle[]): Promise<void> {
    const nowMs = this.#options.clock().getTime()
    const jobIds: string[] = []
    const ended: Place[] = []
    for (const handle of handles) {
      const seen = this.#seen.get(handle)
      if (seen === undefined) continue
      if (seen.jobId === undefined) {
        if (seen.place !== undefined) ended.push(seen.place)
        continue
      }
      const before = this.#cancelled.get(handle)
      if (before !== undefined && nowMs - before.getTime() < CANCEL_AGAIN_MS) continue
      this.#cancelled.set(handle, this.#options.clock())
      jobIds.push(seen.jobId)
    }
    await Promise.all(ended.map(place => this.#ground.places.remove(place)))
    if (ended.length > 0) this.#options.onChange()
    if (jobIds.length > 0) await this.#cancel(jobIds)
  }

  async *logs(worker: WorkerId, options: LogOptions): AsyncGenerator<Uint8Array> {
    // Another server's look may be the newer one.
    if (!this.#placesById.has(worker)) {
      this.#placesById = byId(await this.#ground.places.list())
    }
    const place = this.#placesById.get(worker)
    if (place === undefined) return
    yield* this.#outputs.read(worker, options, this.#endOf(place))
  }

  /** Whether it has ended: asked often, and the answer costs the file server something. */
  #endOf(place: Place): () => Promise<boolean> {
    let askedAtMs = -Infinity
    let hasEnded = false
    return async () => {
      const nowMs = performance.now()
      if (!hasEnded && nowMs - askedAtMs >= END_INTERVAL_MS) {
        askedAtMs = nowMs
        const state = await this.#ground.places.look(place)
        const seen = this.#seen.get(place.name)
        // One that was killed with its node writes nothing.
        hasEnded = state !== 'taken' || (seen !== undefined && seen.jobId === undefined)
      }
      return hasEnded
    }
  }

  close(): Promise<void> {
    this.#watch.close()
    return Promise.resolve()
  }

  async #cancel(jobIds: readonly string[]): Promise<void> {
    for (let start = 0; start < jobIds.length; start += JOBS_TO_AN_SCANCEL) {
      try {
        await this.#ground.slurm.run(scancel(jobIds.slice(start, start + JOBS_TO_AN_SCANCEL)))
      } catch (error) {
        // One that has ended meanwhile cannot be cancelled any more.
        if (!(error instanceof SlurmError) || mayHaveBeenSubmitted(error)) throw error
      }
    }
    this.#watch.expect()
    this.#watch.noteSettling(true)
  }

  /** A file server that does not answer keeps whoever asks it waiting for ever. */
  async #inTime<Result>(work: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const { folder } = this.#ground.places
        reject(new Error(`a look at Slurm and at ${folder} did not end within ${LOOK_TIMEOUT_MS / 1000} s`))
      }, LOOK_TIMEOUT_MS)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Some of them each time. */
  async #cutOutputs(): Promise<void> {
    const running = [...this.#seen.values()].flatMap(({ place, jobId }) =>
      place === undefined || jobId === undefined ? [] : [place.id],
    )
    const some = running.slice(this.#nextOutput, this.#nextOutput + OUTPUTS_AT_ONCE)
    this.#nextOutput =
      this.#nextOutput + OUTPUTS_AT_ONCE < running.length ? this.#nextOutput + OUTPUTS_AT_ONCE : 0
    await Promise.all(some.map(id => this.#outputs.cut(id)))
  }
}

function byId(places: readonly Place[]): ReadonlyMap<WorkerId, Place> {
  return new Map(places.map(place => [place.id, place]))
}

function isSameMap(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string> | undefined,
): boolean {
  return other?.size === one.size && [...one].every(([key, value]) => other.get(key) === value)
}
