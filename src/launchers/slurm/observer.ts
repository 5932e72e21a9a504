import type { Clock } from '../../lib/clock.ts'
import { explainNotRun, mayBeNotRun } from '../exit.ts'
import type { ObservedState, ObservedWorker, WorkerEnd, ObservedUse } from '../launcher.ts'
import { parseOrderSize } from '../order.ts'
import { describeEnding, parseEndRecord, useOf, type EndedJob } from './ending.ts'
import { stageOf, type Job } from './jobs.ts'
import type { Place, Places, PlaceState } from './places.ts'
import { describeWait } from './waiting.ts'

export interface ObserverOptions {
  readonly places: Places
  readonly clock: Clock
  /** By the name of a node, where it is reached. */
  readonly addressOf: (node: string) => string
  readonly positionOf: (job: Job) => number | undefined
  readonly isCancelled: (place: Place) => boolean
}

/** What does not change any more. */
interface Known {
  startedAt?: Date
  end?: { readonly state: WorkerEnd; readonly use: ObservedUse; readonly node: string | null }
}

/** What is not known while it runs; sacct and sstat would ask every node. */
const NO_USE: ObservedUse = useOf(undefined)

/** One worker by its job and its place. */
export class Observer {
  readonly #options: ObserverOptions
  readonly #known = new Map<string, Known>()

  constructor(options: ObserverOptions) {
    this.#options = options
  }

  /** Of a job that Slurm knows. `isSettling`: its program has ended, and Slurm has not finished with it. */
  async observe(place: Place, job: Job): Promise<{ worker: ObservedWorker; isSettling: boolean }> {
    if (stageOf(job) === 'has ended') return { worker: await this.observeEnd(place, job), isSettling: false }
    const isSettling = this.#options.isCancelled(place) || job.state === 'COMPLETING'
    const state = await this.#findState(place, job)
    return { worker: this.#toWorker(place, state, job.node, NO_USE), isSettling }
  }

  async #findState(place: Place, job: Job): Promise<ObservedState> {
    const known = this.#know(place)
    const stage = stageOf(job)
    if (stage === 'runs' && known.startedAt === undefined) {
      if (hasBegun(await this.#options.places.look(place))) {
        known.startedAt = job.startAt ?? this.#options.clock()
      }
    }
    // A controller that was killed may have forgotten that it began; it runs the job again, which finds its order taken.
    if (known.startedAt !== undefined) return { kind: 'started', startedAt: known.startedAt }
    if (stage !== 'waits') return { kind: 'placed' }
    return { kind: 'queued', message: describeWait(job, this.#options.positionOf(job)) }
  }

  /** `job`: as Slurm or its accounting remembers it; `undefined`: not at all. */
  async observeEnd(place: Place, job: EndedJob | undefined): Promise<ObservedWorker> {
    const known = this.#know(place)
    known.end ??= await this.#readEnd(place, job)
    const { state, use, node } = known.end
    return this.#toWorker(place, { kind: 'ended', ...state }, node ?? undefined, use)
  }

  /** Whether the end of it is known, so that nobody need ask again. */
  hasEnd(place: Place): boolean {
    return this.#known.get(place.name)?.end !== undefined
  }

  forgetAllBut(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name)
  }

  #know({ name }: Place): Known {
    const known = this.#known.get(name) ?? {}
    this.#known.set(name, known)
    return known
  }

  async #readEnd(place: Place, job: EndedJob | undefined): Promise<NonNullable<Known['end']>> {
    const { places, clock, isCancelled } = this.#options
    const [begunAt, endedAt, text] = await Promise.all([
      places.readTime(place, 'taken'),
      places.readTime(place, 'ended'),
      places.readFile(place, 'ended'),
    ])
    const record = parseEndRecord(text)
    const firstLine =
      record !== undefined && mayBeNotRun(record) ? getFirstLine(await places.readFile(place, 'output')) : ''
    const order = job?.state === 'OUT_OF_MEMORY' ? await places.readFile(place, 'order') : ''
    const state = describeEnding({
      job,
      record,
      notRun: explainNotRun(firstLine, 'the nodes'),
      begunAt,
      endedAt,
      isCancelled: isCancelled(place),
      memoryGib: parseOrderSize(getFirstLine(order))?.memory,
      folder: places.folder,
      now: clock(),
    })
    return { state, use: useOf(record), node: job?.node ?? null }
  }

  #toWorker(
    { id, name }: Place,
    state: ObservedState,
    node: string | undefined,
    use: ObservedUse,
  ): ObservedWorker {
    const address = node === undefined ? null : this.#options.addressOf(node)
    return { id, handle: name, state, node: node ?? null, address, use }
  }
}

function hasBegun(seen: PlaceState): boolean {
  return seen === 'taken' || seen === 'ended'
}

function getFirstLine(text: string): string {
  return text.slice(0, text.indexOf('\n'))
}
