import type { WorkerEndReason, WorkerId, WorkerRole } from '../domain/worker.ts'

/**
 * What an engine can do for us. A launcher starts and ends workers on one engine and tells what runs there. It
 * keeps no record of its own that the engine does not keep: after a crash of this process everything it says
 * comes from the engine again. test/launchers/contract.ts is the same in the form of tests.
 */
export interface Launcher {
  /** The engine's name, as clusters show it. */
  readonly engine: string
  /**
   * Where its workers live; each cluster's row carries it from the POST. It tells this engine from every other,
   * over restarts, so that two installations on one engine never touch each other's workers.
   */
  readonly home: string

  /** A worker gets whole CPUs, so that a fraction is rounded up. */
  readonly givesWholeCpus: boolean

  /** What its workers are to listen on, such as 127.0.0.1 where all of them are on one machine. */
  readonly listenHost: string

  /**
   * What can run here. Asked at the start and once a minute, never inside a request; requests are refused by the
   * last answer. Rejects when the engine cannot be asked.
   */
  describe(): Promise<EngineFacts>

  /** `launch` may be called in some milliseconds: the time to get ready for it. Costs next to nothing, and never fails. */
  warmUp?(): void

  /**
   * Starts workers, each tagged with its id, in few engine calls whatever their number. An outcome for each worker,
   * in the same order. A refusal is for good: that worker does not run and never will. Otherwise it may have
   * started; only `list` tells. Rejects when nothing is known, and then any of them may have started.
   */
  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchOutcome[]>

  /**
   * One look at everything: all workers of this home that exist, also those nobody has recorded; and, for each id
   * in `recorded` that is not among them, `gone`. A worker that has ended is listed, with how it ended, until it
   * is terminated. `gone` is positive: it does not exist, costs nothing, and will never start. Rejects when the
   * engine cannot tell; then nothing is concluded from it.
   */
  list(recorded: readonly WorkerId[]): Promise<EngineView>

  /**
   * Ends what runs, with a time to end by itself first; clears what has ended already (folder, pod, cgroup). Two
   * things, so that the last output can be read in between: a worker that ran when it was called is listed as
   * ended, once it is, and cleared by the next call. Does not wait for the end: it is called each pass until
   * `list` omits the worker. Resolves if it is gone already.
   */
  terminate(handles: readonly Handle[]): Promise<void>

  /**
   * The worker's output, standard output and error as they came, while `list` shows the worker. With `follow` it
   * goes on until the worker has ended or `signal` aborts, and ends without an error then. Yields nothing for a
   * worker that `list` would not show.
   */
  logs(worker: WorkerId, options: LogOptions): AsyncIterable<Uint8Array>

  /** Lets go of timers and watches; the workers go on. */
  close(): Promise<void>
}

/** The engine's own name of a worker, from `list`. Never stored. */
export type Handle = string

export interface LogOptions {
  /** Begins so many lines before the end; without it at the beginning of what is kept. */
  readonly tailLines?: number
  /** Begins no more bytes than that before the end, also within a line. */
  readonly tailBytes?: number
  readonly follow?: boolean
  readonly signal: AbortSignal
}

export interface EngineFacts {
  /** The largest worker that can be placed. */
  readonly largestWorker: Size
  /** The sizes of machines, of which a worker has to fit into one; without those that are in every way below another. */
  readonly nodeSizes: readonly Size[]
  /**
   * What all workers together may have, where the engine does not queue by itself; then clusters wait for it, first
   * come first served. `undefined`: there is no bound, or the engine queues.
   */
  readonly capacity: Size | undefined
  /** By runtime: why it cannot run here, and what to install. Runtimes that can run are not in it. */
  readonly missingPrograms: ReadonlyMap<string, string>
  /** Whether a worker is really held to what it asked for. */
  readonly enforced: { readonly cpus: boolean; readonly memory: boolean }
  /** One sentence for the operator about what is enforced and what is not. */
  readonly summary: string
}

export interface Size {
  readonly cpus: number
  /** GiB. */
  readonly memory: number
}

/** All that a launcher needs to start one worker. */
export interface WorkerSpec {
  readonly id: WorkerId
  readonly clusterId: number
  readonly role: WorkerRole
  /** Its seat: from 0 on for the workers, 0 for the scheduler. */
  readonly index: number
  readonly size: Size
  /** What it runs, by name: an engine may have settings for it. */
  readonly runtime: string
  /** Its cluster ends so long after its start, by the server's hand; an engine may hold the worker to it as well. */
  readonly lifetimeSeconds: number | null
  /** The program and its arguments, never to be run through a shell. */
  readonly command: readonly string[]
  /** Texts by the name of the file, for it alone to read, in the folder where it begins. */
  readonly files: Readonly<Record<string, string>>
  /** The CLUSTER_* variables, the thread counts and the user's own; the launcher adds PATH, HOME and their like. */
  readonly environment: Readonly<Record<string, string>>
}

export type LaunchOutcome =
  | { readonly kind: 'asked' }
  /** For good. `message` says why and what to do. */
  | { readonly kind: 'refused'; readonly message: string }

export interface EngineView {
  readonly workers: readonly ObservedWorker[]
  /** Those of `recorded` that do not exist and never will. */
  readonly gone: ReadonlySet<WorkerId>
}

export interface ObservedWorker {
  readonly id: WorkerId
  readonly handle: Handle
  readonly state: ObservedState
  /** The machine it has a place on. */
  readonly node: string | null
  /** Where others reach it: a host name or IP address without a port. */
  readonly address: string | null
  readonly use: ObservedUse
}

export type ObservedState =
  /** Waits for a place; `message` holds the engine's own words for why. */
  | { readonly kind: 'queued'; readonly message: string | null }
  /** Has a place, and is being started. */
  | { readonly kind: 'placed' }
  | { readonly kind: 'started'; readonly startedAt: Date }
  /** Its program has ended. Other processes of it may be left: it is gone when `list` omits it. */
  | ({ readonly kind: 'ended' } & WorkerEnd)

export interface WorkerEnd {
  readonly startedAt: Date | null
  readonly endedAt: Date
  readonly exitCode: number | null
  /** Such as `SIGKILL`, when a signal ended it. */
  readonly signal: string | null
  /** What only the engine can know (memory, node, preemption); `undefined`: as exit code and signal say. */
  readonly reason: WorkerEndReason | undefined
  /**
   * The engine's own words, with the figures, to follow the worker's name: "was over its memory of 1 GiB". `null`
   * when exit code and signal say it all.
   */
  readonly message: string | null
}

/** `null` where the engine cannot tell. */
export interface ObservedUse {
  /** Since it began. */
  readonly cpuSeconds: number | null
  /** Now. */
  readonly memoryBytes: number | null
  /** The most it ever had. */
  readonly peakMemoryBytes: number | null
}
