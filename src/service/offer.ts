import type { Runtime } from '../domain/runtime.ts'
import type { EngineFacts, Size } from '../launchers/launcher.ts'

/** What a cluster asks of the engine, as far as it is valid in itself. */
export interface Asked {
  readonly runtime: string
  readonly cpus: number | undefined
  readonly memory: number | undefined
  readonly workers: number
  readonly idleTimeoutSeconds: number | null
}

/** What this server can run, by the engine's last word on itself. */
export class Offer {
  readonly engine: string
  readonly runtimes: ReadonlyMap<string, Runtime>
  #facts: EngineFacts | undefined

  constructor(engine: string, runtimes: ReadonlyMap<string, Runtime>) {
    this.engine = engine
    this.runtimes = runtimes
  }

  /** `undefined`: there is no engine, or it could not be asked yet. */
  get facts(): EngineFacts | undefined {
    return this.#facts
  }

  update(facts: EngineFacts): void {
    this.#facts = facts
  }

  findRuntime(name: string): Runtime | undefined {
    return this.runtimes.get(name)
  }

  /**
   * Why it can never run here, by field; what is merely taken now, a cluster waits for. While nobody knows what the
   * engine can do, nothing is refused: the cluster's reason will tell.
   */
  listProblems(
    asked: Asked,
  ): Record<'runtime' | 'cpus' | 'memory' | 'workers' | 'idle_timeout_seconds', string | undefined> {
    const runtime = this.findRuntime(asked.runtime)
    return {
      runtime: this.#runtimeProblem(asked.runtime, runtime),
      ...this.#sizeProblems(asked, runtime?.scheduler),
      idle_timeout_seconds:
        asked.idleTimeoutSeconds !== null && runtime !== undefined && runtime.idleness === undefined
          ? `is not for the runtime ${runtime.name}: nobody can tell when it is idle`
          : undefined,
    }
  }

  #runtimeProblem(name: string, runtime: Runtime | undefined): string | undefined {
    if (runtime === undefined) return `must be one of ${[...this.runtimes.keys()].join(', ')}`
    const missing = this.#facts?.missingPrograms.get(name)
    return missing === undefined ? undefined : `cannot run here: ${missing}`
  }

  #sizeProblems(asked: Asked, scheduler: Size | undefined) {
    const { largestWorker, nodeSizes, capacity } = this.#facts ?? {}
    const cpus = sizeProblem(asked.cpus, largestWorker?.cpus, 'CPUs')
    const memory =
      sizeProblem(asked.memory, largestWorker?.memory, 'GiB') ??
      (cpus === undefined ? pairProblem(asked, nodeSizes) : undefined)
    const fits = (each: number | undefined, ofScheduler: number, all: number | undefined) =>
      each === undefined || all === undefined || each * asked.workers + ofScheduler <= all
    const workers =
      cpus === undefined &&
      memory === undefined &&
      capacity !== undefined &&
      !(
        fits(asked.cpus, scheduler?.cpus ?? 0, capacity.cpus) &&
        fits(asked.memory, scheduler?.memory ?? 0, capacity.memory)
      )
        ? `are too many for this server, which has ${describeSize(capacity)} for all clusters together` +
          (scheduler === undefined ? '' : `, and the scheduler needs ${describeSize(scheduler)}`)
        : undefined
    return { cpus, memory, workers }
  }
}

function sizeProblem(
  asked: number | undefined,
  largest: number | undefined,
  unit: string,
): string | undefined {
  return asked !== undefined && largest !== undefined && asked > largest
    ? `must be at most ${largest}: the largest worker that can be placed here has ${largest} ${unit}`
    : undefined
}

/** Each for itself can be had, but not on one machine. */
function pairProblem({ cpus, memory }: Asked, nodeSizes: readonly Size[] = []): string | undefined {
  if (cpus === undefined || memory === undefined || nodeSizes.length === 0) return undefined
  if (nodeSizes.some(size => cpus <= size.cpus && memory <= size.memory)) return undefined
  const most = Math.max(...nodeSizes.filter(size => cpus <= size.cpus).map(size => size.memory))
  const sizes = nodeSizes.map(describeSize).join(', or ')
  return `must be at most ${most} with ${cpus} CPUs: the largest machines here have ${sizes}`
}

/** Such as "8 CPUs and 32 GiB"; what is not bounded is left out. */
function describeSize({ cpus, memory }: Size): string {
  const parts = [
    ...(Number.isFinite(cpus) ? [`${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`] : []),
    ...(Number.isFinite(memory) ? [`${memory} GiB`] : []),
  ]
  return parts.join(' and ')
}
