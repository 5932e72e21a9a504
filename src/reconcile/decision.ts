import type { Runtime } from '../domain/runtime.ts'
import type { WorkerEndReason, WorkerId } from '../domain/worker.ts'
import { observeWorker, type Observation, type SeenWorker } from './observe.ts'
import type { Candidate } from './queue.ts'
import { listHolders, planSeats, type Seats } from './seats.ts'
import type { RecordedCluster, Snapshot } from './snapshot.ts'
import { judge, type Verdict } from './verdict.ts'

/** What is known and wanted of one cluster, by itself: before it is known who gets a place. Pure. */
export interface Decision {
  readonly cluster: RecordedCluster
  readonly observations: readonly Observation[]
  readonly workers: readonly SeenWorker[]
  readonly runtime: Runtime | undefined
  /** Those that are ready now, for users. */
  readonly readyWorkers: number
  /** All are ready, or have done already what they were for. */
  readonly isReady: boolean
  readonly verdict: Verdict | undefined
  /** `undefined` when it ends. */
  readonly seats: Seats | undefined
  /** Workers that run and are to be stopped, and why. */
  readonly unwanted: ReadonlyMap<WorkerId, WorkerEndReason>
  /** `undefined`: it neither wants a place, nor has one that others would have to know of. */
  readonly candidate: Candidate | undefined
}

const NOBODY: ReadonlyMap<WorkerId, WorkerEndReason> = new Map()

export function decide(cluster: RecordedCluster, snapshot: Snapshot): Decision {
  const { look, now, runtimes, probes } = snapshot
  const observations = cluster.seats.map(worker => observeWorker(worker, look, now))
  const workers = observations.map(({ seen }) => seen)
  const runtime = runtimes.get(cluster.runtime)
  const probe = probes.get(cluster.id)
  const readyWorkers = countReady(cluster, workers, runtime, snapshot)
  const done = runtime?.restart === 'never' ? countCompleted(cluster, workers) : 0
  const isSeen = look.kind === 'seen'
  const isReady = isSeen && readyWorkers + done >= cluster.workers
  const isLive = cluster.status !== 'stopping'
  const verdict = isLive ? judge(cluster, workers, runtime, { now, probe, isReady, isSeen }) : undefined
  const seats =
    isLive && verdict === undefined && runtime !== undefined && isSeen
      ? planSeats(cluster, workers, runtime, now)
      : undefined
  const competes = snapshot.capacity !== undefined || (seats !== undefined && seats.wanted.length > 0)
  const candidate = competes ? toCandidate(cluster, workers, runtime, seats) : undefined
  const unwanted = isLive && verdict === undefined ? (seats?.unwanted ?? NOBODY) : listRunning(workers)
  return {
    cluster,
    observations,
    workers,
    runtime,
    readyWorkers,
    isReady,
    verdict,
    seats,
    unwanted,
    candidate,
  }
}

function countReady(
  cluster: RecordedCluster,
  workers: readonly SeenWorker[],
  runtime: Runtime | undefined,
  { look, probes }: Snapshot,
): number {
  if (cluster.status === 'stopping' || look.kind === 'unreachable') return cluster.readyWorkers
  const hasScheduler = workers.some(({ role, status }) => role === 'scheduler' && status === 'started')
  if (runtime?.scheduler !== undefined && !hasScheduler) return 0
  let started = 0
  for (const { role, seat, status } of workers) {
    if (role === 'worker' && seat < cluster.workers && status === 'started') started += 1
  }
  if (runtime?.readiness === undefined) return started
  // Right after a start of ours nobody has been asked yet: what was known stays.
  return Math.min(started, probes.get(cluster.id)?.readyWorkers ?? cluster.readyWorkers)
}

function countCompleted(cluster: RecordedCluster, workers: readonly SeenWorker[]): number {
  return workers.filter(
    ({ role, seat, reason }) => role === 'worker' && seat < cluster.workers && reason === 'completed',
  ).length
}

/** All of them are to end with their cluster. */
function listRunning(workers: readonly SeenWorker[]): Map<WorkerId, WorkerEndReason> {
  const running = workers.filter(({ status }) => status !== 'ended' && status !== 'stopping')
  return new Map(running.map(({ id }) => [id, 'cluster_stopped']))
}

function toCandidate(
  cluster: RecordedCluster,
  workers: readonly SeenWorker[],
  runtime: Runtime | undefined,
  seats: Seats | undefined,
): Candidate {
  const isEnding = seats === undefined || runtime === undefined
  const sitting = isEnding
    ? workers.filter(({ status }) => status !== 'ended')
    : listHolders(cluster, workers, runtime)
  const scheduler = runtime?.scheduler
  return {
    clusterId: cluster.id,
    wanted: seats?.wanted ?? [],
    sitting,
    whole: {
      cpus: cluster.cpus * cluster.workers + (scheduler?.cpus ?? 0),
      memory: cluster.memory * cluster.workers + (scheduler?.memory ?? 0),
    },
    hasBegun: workers.length > 0,
    isReserved: sitting.length > 0 && workers.every(({ role }) => role === 'scheduler') && !isEnding,
  }
}
