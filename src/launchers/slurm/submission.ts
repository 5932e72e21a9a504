import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errorCodeOf } from '../../lib/error-code.ts'
import { randomId } from '../../lib/id.ts'
import { inParallel } from '../../lib/in-parallel.ts'
import type { LaunchOutcome, WorkerSpec } from '../launcher.ts'
import { buildOrder } from '../order.ts'
import { sbatch, shapeOf, type JobShape } from './commands.ts'
import { placeOf, type Place, type Places } from './places.ts'
import type { SlurmSettings } from './settings.ts'
import { mayHaveBeenSubmitted, SlurmError, type Slurm } from './slurm.ts'

/** From workers to jobs: the folder of each, then one array for all that ask for the same. */

/** A shell reads it, so it is a file of its own: beside this one, and beside the bundle. */
const JOB_SCRIPT = fileURLToPath(new URL('job.sh', import.meta.url))

/** Node has four threads for it. */
const PLACES_AT_ONCE = 6
const SUBMISSIONS_AT_ONCE = 4
/** Longer ones say no more. */
const MAX_IDS_IN_COMMENT = 10

export interface SubmissionOptions {
  readonly slurm: Slurm
  readonly places: Places
  readonly homeId: string
  readonly settings: SlurmSettings
  /** PATH of the workers. */
  readonly path: string
  /** Stands in a worker's command for the address of its own node. */
  readonly addressMark: string
  readonly onWarning: (message: string) => void
}

/** What is submitted at once. */
interface Batch {
  readonly name: string
  readonly shape: JobShape
  readonly workers: readonly { readonly spec: WorkerSpec; readonly place: Place }[]
}

export class Submission {
  readonly #options: SubmissionOptions
  readonly #script = readFileSync(JOB_SCRIPT, 'utf8')
  /** Names of places whose job nobody need look for yet. */
  readonly underWay = new Set<string>()

  constructor(options: SubmissionOptions) {
    this.#options = options
  }

  /** `maxArraySize`: as Slurm has it. Outcomes in the order of the workers. */
  async submit(workers: readonly WorkerSpec[], maxArraySize: number): Promise<LaunchOutcome[]> {
    const batches = toBatches(workers, this.#options.settings, maxArraySize)
    const outcomes = new Map<string, LaunchOutcome>()
    await inParallel(batches, SUBMISSIONS_AT_ONCE, async batch => {
      const outcome = await this.#submitBatch(batch)
      for (const { spec } of batch.workers) outcomes.set(spec.id, outcome)
    })
    return workers.map(({ id }) => outcomes.get(id) ?? { kind: 'asked' })
  }

  async #submitBatch(batch: Batch): Promise<LaunchOutcome> {
    const names = batch.workers.map(({ place }) => place.name)
    for (const name of names) this.underWay.add(name)
    try {
      return (await this.#makePlaces(batch)) ?? (await this.#callSbatch(batch))
    } finally {
      for (const name of names) this.underWay.delete(name)
    }
  }

  /** Why there can be none; `undefined`: all are there. */
  async #makePlaces(batch: Batch): Promise<LaunchOutcome | undefined> {
    const { places } = this.#options
    try {
      await inParallel(batch.workers, PLACES_AT_ONCE, async ({ spec, place }) => {
        await places.create(place, this.#orderOf(spec), spec.files)
      })
      return undefined
    } catch (error) {
      await this.#removePlaces(batch)
      const message = `The folder ${places.folder} cannot be written (${errorCodeOf(error)}).`
      return { kind: 'refused', message }
    }
  }

  async #callSbatch(batch: Batch): Promise<LaunchOutcome> {
    const { slurm, places, homeId, onWarning } = this.#options
    const argv = sbatch(batch.shape, {
      homeId,
      batch: batch.name,
      count: batch.workers.length,
      comment: describeClusters(batch.workers.map(({ spec }) => spec.clusterId)),
    })
    try {
      await slurm.submit(argv, places.scriptHead(batch.name) + this.#script)
      return { kind: 'asked' }
    } catch (error) {
      if (!(error instanceof SlurmError)) throw error
      const said = error.message.replace('Batch job submission failed: ', '')
      if (mayHaveBeenSubmitted(error)) {
        onWarning(`It is not known whether Slurm has taken ${describeJobs(batch)}: ${said}.`)
        return { kind: 'asked' }
      }
      await this.#removePlaces(batch)
      return { kind: 'refused', message: `Slurm refuses it: ${said}.` }
    }
  }

  #orderOf(spec: WorkerSpec): string {
    const { path, addressMark } = this.#options
    const order = buildOrder(spec, { path, env: '/usr/bin/env', setsid: undefined })
    // Every word is within quotes: out of them, the variable that the job has set, and in again.
    return order.replaceAll(addressMark, `'"$node_address"'`)
  }

  async #removePlaces(batch: Batch): Promise<void> {
    await Promise.allSettled(batch.workers.map(({ place }) => this.#options.places.remove(place)))
  }
}

function toBatches(workers: readonly WorkerSpec[], settings: SlurmSettings, maxArraySize: number): Batch[] {
  const byShape = new Map<string, { shape: JobShape; specs: WorkerSpec[] }>()
  for (const spec of workers) {
    const shape = shapeOf(spec, settings)
    const key = JSON.stringify(shape)
    const group = byShape.get(key) ?? { shape, specs: [] }
    group.specs.push(spec)
    byShape.set(key, group)
  }
  return [...byShape.values()].flatMap(({ shape, specs }) => {
    const batches: Batch[] = []
    for (let start = 0; start < specs.length; start += maxArraySize) {
      const name = randomId().slice(0, 12)
      const some = specs.slice(start, start + maxArraySize)
      batches.push({
        name,
        shape,
        workers: some.map((spec, task) => ({ spec, place: placeOf(name, task, spec.id) })),
      })
    }
    return batches
  })
}

function describeJobs({ workers }: Batch): string {
  return workers.length === 1 ? 'a job' : `${workers.length} jobs`
}

/** For whoever looks at the queue. */
function describeClusters(ids: readonly number[]): string {
  const unique = [...new Set(ids)]
  if (unique.length === 1) return `cluster ${unique[0]}`
  const shown = unique.slice(0, MAX_IDS_IN_COMMENT).join(', ')
  return unique.length > MAX_IDS_IN_COMMENT ? `clusters ${shown} and others` : `clusters ${shown}`
}
