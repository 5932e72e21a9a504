import type { RecordedWorker } from '../../src/database/workers.ts'
import type { Runtime } from '../../src/domain/runtime.ts'
import type { WorkerStatus } from '../../src/domain/worker.ts'
import type { ObservedState, ObservedWorker, WorkerEnd } from '../../src/launchers/launcher.ts'
import { addMs } from '../../src/lib/clock.ts'
import { plan, type Plan, type Step } from '../../src/reconcile/plan.ts'
import type { RecordedCluster, Snapshot } from '../../src/reconcile/snapshot.ts'
import { collectRuntimes, DEFAULT_PORT_RANGE } from '../../src/runtimes.ts'

/** What a plan is made from, each in one line, and what it plans, as sentences. */

const NOW = new Date('2026-11-23T12:00:00.000Z')

/** So many seconds before (or, when negative, after) now. */
export const ago = (seconds: number): string => addMs(NOW, -seconds * 1000).toISOString()

type Seat = number | 'scheduler'

/** The id of a cluster's first worker on a seat. */
export const idOf = (seat: Seat, clusterId = 1): string =>
  `${seat === 'scheduler' ? 'scheduler' : `worker-${seat}`}@${clusterId}`

/** A worker as it is recorded: launched a minute ago, started half a minute ago, ended just now. */
export function worker(
  seat: Seat,
  status: WorkerStatus,
  fields: Partial<RecordedWorker> = {},
): RecordedWorker {
  const isPlaced = status === 'placed' || status === 'started'
  const hasRun = status === 'started' || status === 'stopping' || status === 'ended'
  return {
    ...{ id: idOf(seat, fields.clusterId), clusterId: 1, attempt: 1, cpus: 1, memory: 1, status },
    ...(seat === 'scheduler' ? { role: 'scheduler', seat: 0 } : { role: 'worker', seat }),
    ...{ schedulerId: null, node: isPlaced ? 'node' : null, address: isPlaced ? '10.0.0.1' : null },
    ...{ reason: null, message: null, createdAt: ago(60) },
    ...{ startedAt: hasRun ? ago(30) : null, endedAt: status === 'ended' ? ago(0) : null },
    ...fields,
  }
}

/** `count` workers on the seats from 0 on. */
export const workers = (count: number, status: WorkerStatus, fields: Partial<RecordedWorker> = {}) =>
  Array.from({ length: count }, (_, seat) => worker(seat, status, fields))

/** One that failed and whose seat is empty now. */
export const failed = (seat: Seat, fields: Partial<RecordedWorker> = {}) =>
  worker(seat, 'ended', { reason: 'worker_exited', message: 'ended with exit code 3', ...fields })

/** A cluster of one idle worker. */
export function cluster(
  status: RecordedCluster['status'],
  seats: readonly RecordedWorker[] = [],
  fields: Partial<RecordedCluster> = {},
): RecordedCluster {
  const hasBegun = status !== 'pending'
  const reason = { pending: 'launching', starting: 'waiting_for_ready', running: 'ready' } as const
  return {
    ...{ id: 1, creatorId: 1, cpus: 1, memory: 1, workers: 1, runtime: 'idle', status, message: null },
    reason: status === 'pending' || status === 'starting' || status === 'running' ? reason[status] : 'ready',
    ...{ readyWorkers: status === 'running' ? (fields.workers ?? 1) : 0, address: null },
    ...{ idleTimeoutSeconds: null, lifetimeSeconds: null, expiresAt: null },
    ...{ startedAt: hasBegun ? ago(30) : null, deletesOnEnd: 0, seats },
    ...fields,
  }
}

/** A state by its name, or one as the engine would tell it. */
type Shown = 'queued' | 'placed' | 'started' | ObservedState

/** It has ended, after half a minute if nothing else is said. */
export const ended = (end: Partial<WorkerEnd> = {}): ObservedState => ({
  kind: 'ended',
  ...{ startedAt: addMs(NOW, -30_000), endedAt: NOW, exitCode: 0, signal: null },
  ...{ reason: undefined, message: null },
  ...end,
})
export const exit = (exitCode: number, afterMs = 30_000): ObservedState =>
  ended({ exitCode, startedAt: addMs(NOW, -afterMs) })

function toObserved(id: string, shown: Shown): ObservedWorker {
  const named: Record<'queued' | 'placed' | 'started', ObservedState> = {
    queued: { kind: 'queued', message: null },
    placed: { kind: 'placed' },
    started: { kind: 'started', startedAt: addMs(NOW, -30_000) },
  }
  const state = typeof shown === 'string' ? named[shown] : shown
  const place = state.kind === 'queued' ? null : 'node'
  const use = { cpuSeconds: null, memoryBytes: null, peakMemoryBytes: null }
  return { id, handle: id, state, node: place, address: place === null ? null : '10.0.0.1', use }
}

/** What the engine shows, by id; recorded workers that it does not show and was asked for are gone. */
export interface Around extends Partial<
  Pick<Snapshot, 'runtimes' | 'probes' | 'capacity' | 'givesWholeCpus'>
> {
  readonly shows?: Readonly<Record<string, Shown>>
  /** Recorded after the engine was asked. */
  readonly notAskedFor?: readonly string[]
  /** Why the engine could not be asked. */
  readonly unreachable?: string
}

const builtIn = collectRuntimes({
  daskPython: 'python3',
  own: [],
  portRange: DEFAULT_PORT_RANGE,
  overNetwork: false,
})

/** A runtime with a scheduler that ends with its workers. */
const JOB: Runtime = {
  ...{ name: 'job', description: 'A job with a scheduler.', command: ['work', '{address}'], environment: {} },
  ...{
    scheduler: { command: ['lead'], cpus: 1, memory: 1 },
    ports: ['port'],
    portRange: DEFAULT_PORT_RANGE,
    restart: 'never',
  },
  ...{
    address: 'tcp://{scheduler_host}:{port}',
    credentials: undefined,
    readiness: undefined,
    idleness: undefined,
  },
  ...{ startTimeoutSeconds: 60, check: undefined },
}
export const RUNTIMES: ReadonlyMap<string, Runtime> = new Map([...builtIn, [JOB.name, JOB]])

export function snapshotOf(clusters: readonly RecordedCluster[], around: Around = {}): Snapshot {
  const { shows = {}, notAskedFor = [], unreachable, ...rest } = around
  const seen = new Map(Object.entries(shows).map(([id, shown]) => [id, toObserved(id, shown)]))
  const recorded = clusters.flatMap(({ seats }) => seats)
  const gone = recorded.filter(
    ({ id, status }) => status !== 'ended' && !seen.has(id) && !notAskedFor.includes(id),
  )
  return {
    now: NOW,
    look:
      unreachable === undefined
        ? { kind: 'seen', workers: seen, gone: new Set(gone.map(({ id }) => id)) }
        : { kind: 'unreachable', why: unreachable },
    clusters,
    ...{ runtimes: RUNTIMES, probes: new Map(), capacity: undefined, givesWholeCpus: false },
    ...rest,
  }
}

/** Every worker of a running dask cluster, as recorded. */
export function daskSeats(count: number, scheduler: RecordedWorker = worker('scheduler', 'started')) {
  return [scheduler, ...workers(count, 'started', { schedulerId: scheduler.id })]
}

/** What is planned, in sentences: workers by their ids, launches by seat and attempt. */
export function tell(planned: Plan): string[] {
  const terminations = [...planned.terminations.values()]
  return [...planned.steps.flatMap(tellStep), ...terminations.map(handle => `terminate ${handle}`)]
}

export const planFor = (clusters: readonly RecordedCluster[], around: Around = {}): Plan =>
  plan(snapshotOf(clusters, around))

function tellStep({ clusterId, launches, progress, closings, outputs, change, status }: Step): string[] {
  const { length } = launches
  const [first] = launches
  const isMany = length > 3 && launches.every(({ attempt }) => attempt === 1)
  return [
    ...(isMany && first !== undefined
      ? [`launch ${length} from ${idOf(first.seat, clusterId)}`]
      : launches.map(({ role, seat, attempt }) => {
          const id = idOf(role === 'scheduler' ? 'scheduler' : seat, clusterId)
          return `launch ${id}${attempt === 1 ? '' : `, attempt ${attempt}`}`
        })),
    ...progress.map(({ id, status: seen }) => `${id} is ${seen}`),
    ...outputs.map(id => `keep the output of ${id}`),
    ...closings.map(({ id, status: to, reason }) => `${id} is ${to}${reason === null ? '' : `: ${reason}`}`),
    ...(change === undefined
      ? []
      : [
          `cluster ${clusterId} ${change.status === status ? 'stays' : 'becomes'} ${change.status}: ${change.reason}`,
        ]),
  ]
}

/** Of several clusters beside each other, each with its own workers. */
export const pending = (id: number, fields: Partial<RecordedCluster> = {}) =>
  cluster('pending', [], { id, ...fields })

export const running = (id: number, count: number, fields: Partial<RecordedCluster> = {}) =>
  cluster(
    'running',
    workers(count, 'started', { clusterId: id }).map(each => ({ ...each, id: idOf(each.seat, id) })),
    {
      ...{ id, workers: count },
      ...fields,
    },
  )

export const showStarted = (id: number, count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, seat) => [idOf(seat, id), 'started' as const]))

export const losing = (id: number, fields: Partial<RecordedCluster['seats'][number]>) =>
  cluster('running', [failed(0, { id: idOf(0, id), clusterId: id, ...fields })], { id, readyWorkers: 0 })
