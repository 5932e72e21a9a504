import type { Runtime } from '../domain/runtime.ts'
import type { WorkerId, WorkerRole } from '../domain/worker.ts'
import type { WorkerSpec } from '../launchers/launcher.ts'
import { sha256Hex } from '../lib/id.ts'

/** From a cluster, its runtime and its scheduler's address to what a launcher starts. */

/**
 * The scheduler's ports follow from its worker's id, so nothing has to be remembered; when one is taken, the program
 * ends, and the worker in its place has another id.
 */
export function portsOf(
  id: WorkerId,
  { ports: names, portRange }: Pick<Runtime, 'ports' | 'portRange'>,
): Record<string, number> {
  const choices = portRange.last - portRange.first - names.length + 2
  const first = portRange.first + (parseInt(sha256Hex(id).slice(0, 8), 16) % choices)
  return Object.fromEntries(names.map((name, offset) => [name, first + offset]))
}

/** The scheduler that workers connect to. */
export interface Scheduler {
  readonly id: WorkerId
  /** A host name or IP address. */
  readonly address: string
}

type Values = Readonly<Record<string, string | number>>

/** What a runtime's URLs and address may name. */
function valuesOfScheduler(runtime: Runtime, scheduler: Scheduler): Values {
  return { scheduler_host: scheduler.address, ...portsOf(scheduler.id, runtime) }
}

function render(template: string, values: Values): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  )
}

/** Where a client connects, or `undefined` when the runtime has no such address. */
export function addressOf(runtime: Runtime, scheduler: Scheduler): string | undefined {
  return runtime.address === undefined
    ? undefined
    : render(runtime.address, valuesOfScheduler(runtime, scheduler))
}

export function urlOf(template: string, runtime: Runtime, scheduler: Scheduler): string {
  return render(template, valuesOfScheduler(runtime, scheduler))
}

/** The cluster as far as its workers are told of it. */
export interface ClusterOfWorker {
  readonly id: number
  readonly name: string
  readonly workers: number
  /** The user's own; `null` when the runtime brings one. */
  readonly command: readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  readonly lifetimeSeconds: number | null
}

export interface WorkerToLaunch {
  readonly id: WorkerId
  readonly role: WorkerRole
  readonly seat: number
  readonly cpus: number
  /** GiB. */
  readonly memory: number
}

/** `scheduler` is the worker itself when it is one, and then has no address yet. */
export function buildSpec(
  cluster: ClusterOfWorker,
  runtime: Runtime,
  worker: WorkerToLaunch,
  around: {
    readonly listenHost: string
    readonly scheduler: Scheduler | undefined
    /** Of the cluster; `undefined` where its runtime has none. */
    readonly credentials: string | undefined
  },
): WorkerSpec {
  const threads = Math.max(1, Math.ceil(worker.cpus))
  const memoryBytes = Math.round(worker.memory * 1024 ** 3)
  const { scheduler } = around
  const address = scheduler && addressOf(runtime, scheduler)
  const values: Values = {
    listen_host: around.listenHost,
    cluster: cluster.id,
    index: worker.seat,
    workers: cluster.workers,
    cpus: threads,
    memory_bytes: memoryBytes,
    ...(worker.role === 'scheduler' ? portsOf(worker.id, runtime) : {}),
    ...(scheduler === undefined ? {} : valuesOfScheduler(runtime, scheduler)),
    ...(address === undefined ? {} : { address }),
  }
  return {
    id: worker.id,
    clusterId: cluster.id,
    role: worker.role,
    index: worker.seat,
    size: { cpus: worker.cpus, memory: worker.memory },
    runtime: runtime.name,
    lifetimeSeconds: cluster.lifetimeSeconds,
    // A user's own command is passed on as it is.
    command: templateOf(runtime, worker.role)?.map(word => render(word, values)) ?? cluster.command ?? [],
    files: filesOf(runtime, around.credentials),
    environment: {
      ...threadCounts(Math.max(1, Math.floor(worker.cpus))),
      ...runtime.environment,
      ...cluster.environment,
      ...tellWorker(cluster, worker, memoryBytes),
      ...(address === undefined ? {} : { CLUSTER_ADDRESS: address }),
    },
  }
}

function filesOf({ credentials: name }: Runtime, credentials: string | undefined): Record<string, string> {
  return name === undefined || credentials === undefined ? {} : { [name]: credentials }
}

/** What a program may want to know of itself. */
function tellWorker(
  cluster: ClusterOfWorker,
  worker: WorkerToLaunch,
  memoryBytes: number,
): Record<string, string> {
  return {
    CLUSTER_ID: String(cluster.id),
    CLUSTER_NAME: cluster.name,
    CLUSTER_WORKERS: String(cluster.workers),
    CLUSTER_WORKER_ID: worker.id,
    CLUSTER_ROLE: worker.role,
    CLUSTER_INDEX: String(worker.seat),
    CLUSTER_CPUS: String(worker.cpus),
    CLUSTER_MEMORY_BYTES: String(memoryBytes),
  }
}

function templateOf(runtime: Runtime, role: WorkerRole): readonly string[] | undefined {
  return role === 'scheduler' ? runtime.scheduler?.command : runtime.command
}

/** Libraries that count the machine's CPUs would start far too many threads. */
function threadCounts(threads: number): Record<string, string> {
  const names = ['OMP', 'OPENBLAS', 'MKL', 'NUMEXPR', 'VECLIB', 'RAYON', 'BLIS']
  return Object.fromEntries(names.map(name => [`${name}_NUM_THREADS`, String(threads)]))
}
