import type { WorkerId } from '../../domain/worker.ts'
import { inParallel } from '../../lib/in-parallel.ts'
import type { EngineView, Handle, ObservedWorker } from '../launcher.ts'
import { sacct, squeue } from './commands.ts'
import { useOf } from './ending.ts'
import { parseAccounted, parseJobs, stageOf, type AccountedJob, type Job } from './jobs.ts'
import type { Observer } from './observer.ts'
import type { Place, Places } from './places.ts'
import type { Slurm } from './slurm.ts'

export interface LookerOptions {
  readonly slurm: Slurm
  readonly places: Places
  readonly homeId: string
  /** Whose jobs they are. */
  readonly user: string
  readonly observer: Observer
  /** Names of places whose job is being submitted now. */
  readonly underWay: ReadonlySet<string>
}

/** Somebody whom a look showed. */
export interface Seen {
  /** `undefined`: a job of ours whose place is gone. */
  readonly place: Place | undefined
  /** To be cancelled; `undefined`: it has ended. */
  readonly jobId: string | undefined
}

export interface LookResult extends EngineView {
  readonly seen: ReadonlyMap<Handle, Seen>
  readonly places: readonly Place[]
  /** Slurm has not finished with something that has begun to end. */
  readonly isSettling: boolean
}

const LOOKS_AT_ONCE = 8

/** Brings together what Slurm says and what stands in the folder; one call of squeue whatever the number of workers. */
export class Looker {
  readonly #options: LookerOptions
  /** Had begun and had no job, as of the last look. */
  #jobless: ReadonlySet<string> = new Set()

  constructor(options: LookerOptions) {
    this.#options = options
  }

  async look(recorded: readonly WorkerId[]): Promise<LookResult> {
    const { slurm, places, homeId, user, observer } = this.#options
    // As they were before Slurm is asked: what is launched meanwhile was not there to be seen.
    const underWay = new Set(this.#options.underWay)
    const [all, news] = await Promise.all([places.list(), places.listNews()])
    const jobs = parseJobs(await slurm.run(squeue(user)), homeId)
    const pairs = pair(all, jobs)
    const known = await this.#observeKnown(pairs.known)
    const forgotten = await this.#observeForgotten(pairs.jobless.filter(({ name }) => !underWay.has(name)))
    observer.forgetAllBut(new Set(all.map(({ name }) => name)))
    await places.clearNews(news)
    const orphans = pairs.orphans.map(({ jobId }): [Handle, Seen] => [jobId, { place: undefined, jobId }])
    return {
      workers: [...known.workers, ...forgotten.workers, ...pairs.orphans.map(toOrphan)],
      gone: findGone(recorded, { all, withdrawn: forgotten.withdrawn, orphans: pairs.orphans }),
      seen: new Map([...known.seen, ...forgotten.seen, ...orphans]),
      places: all,
      isSettling: known.isSettling,
    }
  }

  async #observeKnown(known: readonly { readonly place: Place; readonly job: Job }[]) {
    const seen: [Handle, Seen][] = []
    const workers: ObservedWorker[] = []
    let isSettling = false
    await inParallel(known, LOOKS_AT_ONCE, async ({ place, job }) => {
      const { worker, isSettling: isIt } = await this.#options.observer.observe(place, job)
      workers.push(worker)
      seen.push([place.name, { place, jobId: worker.state.kind === 'ended' ? undefined : job.jobId }])
      isSettling ||= isIt
    })
    return { seen, workers, isSettling }
  }

  /** Those that Slurm does not know, or not any more. */
  async #observeForgotten(places: readonly Place[]) {
    const seen: [Handle, Seen][] = []
    const workers: ObservedWorker[] = []
    const withdrawn = new Set<string>()
    const jobless = new Set<string>()
    const ended: Place[] = []
    await inParallel(places, LOOKS_AT_ONCE, async place => {
      const { places: folder } = this.#options
      const state = this.#options.observer.hasEnd(place) ? 'ended' : await folder.look(place)
      if (state === 'ended') ended.push(place)
      else if (state === 'taken') {
        // It may have begun after Slurm was asked; whoever had begun before that and is unknown to it has ended.
        if (this.#jobless.has(place.name)) ended.push(place)
        else jobless.add(place.name)
      } else if (state === 'absent' || state === 'withdrawn' || (await folder.withdraw(place))) {
        await folder.remove(place)
        withdrawn.add(place.name)
      }
    })
    this.#jobless = jobless
    const accounted = await this.#findAccounted(ended.filter(place => !this.#options.observer.hasEnd(place)))
    for (const place of ended) {
      workers.push(await this.#options.observer.observeEnd(place, accounted.get(place.name)))
      seen.push([place.name, { place, jobId: undefined }])
    }
    return { seen, workers, withdrawn }
  }

  async #findAccounted(places: readonly Place[]): Promise<ReadonlyMap<string, AccountedJob>> {
    if (places.length === 0) return new Map()
    const { slurm, homeId } = this.#options
    const batches = [...new Set(places.map(({ batch }) => batch))]
    // Not every site keeps accounts.
    const output = await slurm.run(sacct(homeId, batches)).catch(() => '')
    const jobs = new Map(parseAccounted(output, homeId).map(job => [keyOf(job), job]))
    return new Map(
      places.flatMap((place): [string, AccountedJob][] => {
        const job = jobs.get(keyOf(place))
        return job === undefined ? [] : [[place.name, job]]
      }),
    )
  }
}

/** Jobs without a place are of ours by their name: somebody has removed what was theirs. */
function pair(places: readonly Place[], jobs: readonly Job[]) {
  const byKey = new Map(jobs.map(job => [keyOf(job), job]))
  const keys = new Set(places.map(keyOf))
  return {
    known: places.flatMap(place => {
      const job = byKey.get(keyOf(place))
      return job === undefined ? [] : [{ place, job }]
    }),
    jobless: places.filter(place => !byKey.has(keyOf(place))),
    orphans: jobs.filter(job => stageOf(job) !== 'has ended' && !keys.has(keyOf(job))),
  }
}

function keyOf({ batch, task }: { readonly batch: string; readonly task: number }): string {
  return `${batch}.${task}`
}

/** Nobody can say any more whose it was, so nobody claims it. */
function toOrphan({ jobId, node }: Job): ObservedWorker {
  return {
    id: `job-${jobId}`,
    handle: jobId,
    state: { kind: 'placed' },
    node: node ?? null,
    address: null,
    use: useOf(undefined),
  }
}

interface Found {
  readonly all: readonly Place[]
  readonly withdrawn: ReadonlySet<string>
  readonly orphans: readonly Job[]
}

function findGone(recorded: readonly WorkerId[], { all, withdrawn, orphans }: Found): ReadonlySet<WorkerId> {
  // Any of them may be the orphan.
  if (orphans.length > 0) return new Set()
  const existing = new Set(all.flatMap(({ id, name }) => (withdrawn.has(name) ? [] : [id])))
  return new Set(recorded.filter(id => !existing.has(id)))
}
