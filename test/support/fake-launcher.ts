import type {
  EngineFacts,
  EngineView,
  Handle,
  Launcher,
  LaunchOutcome,
  LogOptions,
  ObservedState,
  ObservedUse,
  ObservedWorker,
  Size,
  WorkerEnd,
  WorkerSpec,
} from '../../src/launchers/launcher.ts'

/** A worker on the engine. */
export interface FakeWorker {
  readonly spec: WorkerSpec
  readonly home: string
  state: ObservedState
  use: ObservedUse
  output: string
  /** It has been told to end. */
  isTerminating: boolean
}

/** What survives every launcher: the engine itself. */
export class FakeEngine {
  readonly workers = new Map<string, FakeWorker>()
  /** Every worker that was ever launched, in order. */
  readonly launched: WorkerSpec[] = []
}

/**
 * A launcher whose failures a test chooses. By itself everything works at once: what is launched is started, what
 * is terminated has ended at the next look, and is gone after the next call.
 */
export class FakeLauncher implements Launcher {
  readonly engine = 'fake'
  readonly givesWholeCpus = false
  readonly listenHost = '127.0.0.1'
  readonly home: string
  readonly state: FakeEngine
  readonly clock: () => Date
  calls = { describe: 0, launch: 0, list: 0, terminate: 0 }

  /** How a new worker begins. */
  startsAs: (spec: WorkerSpec) => ObservedState
  /** Workers that end at once however they are told stay until this is false. */
  ignoresTermination = false
  capacity: Size | undefined
  largestWorker: Size = { cpus: 16, memory: 128 }
  nodeSizes: readonly Size[] = [this.largestWorker]
  readonly missingPrograms = new Map<string, string>()

  #nextLaunch: 'works' | 'refuses' | 'rejects-before' | 'rejects-after' = 'works'
  #refusal = ''
  #unreachable: string | undefined

  constructor(options: { home?: string; engine?: FakeEngine; clock?: () => Date } = {}) {
    this.home = options.home ?? 'fake:home'
    this.state = options.engine ?? new FakeEngine()
    this.clock = options.clock ?? (() => new Date())
    this.startsAs = () => ({ kind: 'started', startedAt: this.clock() })
  }

  // What a test says

  refuseNextLaunch(message: string): void {
    this.#nextLaunch = 'refuses'
    this.#refusal = message
  }

  /** The call fails; `started` says whether the workers run all the same. */
  failNextLaunch(started: 'nothing-started' | 'all-started'): void {
    this.#nextLaunch = started === 'all-started' ? 'rejects-after' : 'rejects-before'
  }

  beUnreachable(why = 'connection refused'): void {
    this.#unreachable = why
  }

  beReachable(): void {
    this.#unreachable = undefined
  }

  /** The workers that run for a cluster, or that wait or have ended there. */
  of(clusterId: number): FakeWorker[] {
    return [...this.state.workers.values()].filter(({ spec }) => spec.clusterId === clusterId)
  }

  start(id: string): void {
    this.get(id).state = { kind: 'started', startedAt: this.clock() }
  }

  /** It ends by itself. */
  end(id: string, end: Partial<WorkerEnd> = {}): void {
    const worker = this.get(id)
    const startedAt = worker.state.kind === 'started' ? worker.state.startedAt : null
    worker.state = {
      kind: 'ended',
      startedAt,
      endedAt: this.clock(),
      exitCode: end.signal === undefined ? 0 : null,
      signal: null,
      reason: undefined,
      message: null,
      ...end,
    }
  }

  /** From now on it is seen to use this; an engine that cannot tell says `null`. */
  use(id: string, use: Partial<ObservedUse>): void {
    const worker = this.get(id)
    worker.use = { ...worker.use, ...use }
  }

  /** As if an administrator had removed it, with all its traces. */
  vanish(id: string): void {
    this.state.workers.delete(id)
  }

  get(id: string): FakeWorker {
    const worker = this.state.workers.get(id)
    if (worker === undefined) throw new Error(`there is no worker ${id} on the engine`)
    return worker
  }

  // What a launcher does

  describe(): Promise<EngineFacts> {
    this.calls.describe += 1
    return this.#answer({
      largestWorker: this.largestWorker,
      nodeSizes: this.nodeSizes,
      capacity: this.capacity,
      missingPrograms: this.missingPrograms,
      enforced: { cpus: true, memory: true },
      summary: 'A fake enforces nothing.',
    })
  }

  launch(specs: readonly WorkerSpec[]): Promise<readonly LaunchOutcome[]> {
    this.calls.launch += 1
    const next = this.#nextLaunch
    this.#nextLaunch = 'works'
    if (this.#unreachable !== undefined || next === 'rejects-before') {
      return Promise.reject(new Error(this.#unreachable ?? 'the launch failed'))
    }
    if (next === 'refuses') {
      return Promise.resolve(specs.map(() => ({ kind: 'refused', message: this.#refusal })))
    }
    for (const spec of specs) {
      this.state.launched.push(spec)
      this.state.workers.set(spec.id, {
        spec,
        home: this.home,
        state: this.startsAs(spec),
        use: { cpuSeconds: null, memoryBytes: null, peakMemoryBytes: null },
        output: `worker ${spec.index} of cluster ${spec.clusterId}\n`,
        isTerminating: false,
      })
    }
    if (next === 'rejects-after') return Promise.reject(new Error('the answer to the launch was lost'))
    return Promise.resolve(specs.map(() => ({ kind: 'asked' })))
  }

  list(recorded: readonly string[]): Promise<EngineView> {
    this.calls.list += 1
    const own = [...this.state.workers.values()].filter(({ home }) => home === this.home)
    const listed = new Set(own.map(({ spec }) => spec.id))
    return this.#answer({
      workers: own.map(worker => toObserved(worker)),
      gone: new Set(recorded.filter(id => !listed.has(id))),
    })
  }

  terminate(handles: readonly Handle[]): Promise<void> {
    this.calls.terminate += 1
    if (this.#unreachable !== undefined) return Promise.reject(new Error(this.#unreachable))
    for (const handle of handles) {
      const worker = this.state.workers.get(handle.replace('handle-', ''))
      if (worker === undefined) continue
      worker.isTerminating = true
      if (worker.state.kind === 'ended' || worker.state.kind === 'queued') {
        this.state.workers.delete(worker.spec.id)
      } else if (!this.ignoresTermination) {
        this.end(worker.spec.id, { signal: 'SIGTERM', exitCode: null })
      }
    }
    return Promise.resolve()
  }

  async *logs(id: string, { tailLines, follow = false, signal }: LogOptions): AsyncGenerator<Uint8Array> {
    const worker = this.state.workers.get(id)
    if (worker === undefined) return
    const lines = worker.output.split(/(?<=\n)/)
    let sent = worker.output.length
    yield Buffer.from(
      tailLines === undefined ? worker.output : lines.slice(-tailLines || lines.length).join(''),
    )
    if (!follow) return
    while (!signal.aborted) {
      const { output } = worker
      if (output.length > sent) yield Buffer.from(output.slice(sent))
      sent = output.length
      if (worker.state.kind === 'ended' || !this.state.workers.has(id)) return
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #answer<T>(value: T): Promise<T> {
    return this.#unreachable === undefined
      ? Promise.resolve(value)
      : Promise.reject(new Error(this.#unreachable))
  }
}

function toObserved({ spec, state, use }: FakeWorker): ObservedWorker {
  const isPlaced = state.kind !== 'queued'
  return {
    id: spec.id,
    handle: `handle-${spec.id}`,
    state,
    node: isPlaced ? 'fake-node' : null,
    address: isPlaced ? '127.0.0.1' : null,
    use,
  }
}
