import type { ClusterReason } from '../domain/cluster.ts'
import type { Runtime } from '../domain/runtime.ts'
import { describeDuration, endedByItself, toClusterReason } from '../domain/worker.ts'
import { SECOND_MS } from '../lib/clock.ts'
import type { SeenWorker } from './observe.ts'
import type { ProbeResult, RecordedCluster } from './snapshot.ts'

/** Whether a live cluster has to end, and why. Pure. */
export interface Verdict {
  readonly reason: ClusterReason
  readonly message: string
}

/** So many failures in a row on one seat end the cluster. */
export const MAX_ATTEMPTS = 5
/** A worker that ran for so long was well; the count begins anew. */
const RAN_WELL_MS = 10 * 60 * SECOND_MS

interface Around {
  readonly now: Date
  readonly probe: ProbeResult | undefined
  /** All its workers are. */
  readonly isReady: boolean
  /** The engine could be asked. */
  readonly isSeen: boolean
}

export function judge(
  cluster: RecordedCluster,
  seats: readonly SeenWorker[],
  runtime: Runtime | undefined,
  around: Around,
): Verdict | undefined {
  if (runtime === undefined) {
    return {
      reason: 'launch_refused',
      message: `The runtime ${cluster.runtime} is not configured on this server any more: its operator removed it.`,
    }
  }
  return (
    judgeLifetime(cluster, around.now) ??
    judgeIdleness(cluster, around.now, around.probe) ??
    judgeScheduler(seats) ??
    (runtime.restart === 'never' ? judgeEnds(cluster, seats) : judgeFailures(cluster, seats, around.now)) ??
    judgeStart(cluster, seats, runtime, around)
  )
}

function judgeLifetime({ expiresAt, lifetimeSeconds }: RecordedCluster, now: Date): Verdict | undefined {
  if (expiresAt === null || Date.parse(expiresAt) > now.getTime()) return undefined
  return {
    reason: 'lifetime_reached',
    message: `Its lifetime_seconds of ${lifetimeSeconds} are over.`,
  }
}

function judgeIdleness(
  { idleTimeoutSeconds }: RecordedCluster,
  now: Date,
  probe: ProbeResult | undefined,
): Verdict | undefined {
  const idleSince = probe?.idleSince
  if (idleTimeoutSeconds === null || idleSince === undefined || idleSince === null) return undefined
  if (now.getTime() - idleSince.getTime() < idleTimeoutSeconds * SECOND_MS) return undefined
  return {
    reason: 'idle_timeout',
    message: `It was idle for its idle_timeout_seconds of ${idleTimeoutSeconds}.`,
  }
}

/** Where nothing is replaced: the first bad end ends the cluster, and so does the last good one. */
function judgeEnds(cluster: RecordedCluster, seats: readonly SeenWorker[]): Verdict | undefined {
  const wanted = seats.filter(({ seat }) => seat < cluster.workers)
  const failed = wanted.find(
    ({ reason }) => reason !== null && endedByItself(reason) && reason !== 'completed',
  )
  if (failed?.reason !== undefined && failed.reason !== null) {
    const hint = failed.reason === 'worker_exited' ? ` ${hintAtLogs(cluster.id, failed)}` : ''
    return { reason: toClusterReason(failed.reason), message: `${describeEnd(failed)}${hint}` }
  }
  const workers = wanted.filter(({ role }) => role === 'worker')
  const isComplete =
    workers.length === cluster.workers && workers.every(({ reason }) => reason === 'completed')
  if (!isComplete) return judgeRefusals(wanted)
  const message =
    cluster.workers === 1 ? 'Its worker ended with exit code 0.' : 'All its workers ended with exit code 0.'
  return { reason: 'completed', message }
}

/** A scheduler that ends well was told to, by a client. */
function judgeScheduler(seats: readonly SeenWorker[]): Verdict | undefined {
  const scheduler = seats.find(({ role }) => role === 'scheduler')
  return scheduler?.reason === 'completed'
    ? { reason: 'completed', message: 'Its scheduler ended with exit code 0: a client has shut it down.' }
    : undefined
}

function judgeFailures(
  { id }: RecordedCluster,
  seats: readonly SeenWorker[],
  now: Date,
): Verdict | undefined {
  const missing = seats.find(({ reason }) => reason === 'program_not_found')
  if (missing !== undefined) return { reason: 'program_not_found', message: describeEnd(missing) }
  const looping = seats.find(
    worker =>
      worker.attempt >= MAX_ATTEMPTS &&
      worker.reason !== null &&
      endedByItself(worker.reason) &&
      !ranWell(worker, now),
  )
  if (looping?.reason === undefined || looping.reason === null) return judgeRefusals(seats)
  if (looping.reason === 'launch_refused') {
    return { reason: 'launch_refused', message: describeEnd(looping) }
  }
  return {
    reason: 'crash_loop',
    message:
      `${nameOf(looping)} failed ${MAX_ATTEMPTS} times in a row. ` +
      `The last time: ${describeEnd(looping)} ${hintAtLogs(id, looping)}`,
  }
}

/** Launches that never come about, whatever the runtime. */
function judgeRefusals(seats: readonly SeenWorker[]): Verdict | undefined {
  const stuck = seats.find(({ reason, attempt }) => reason === 'never_started' && attempt >= MAX_ATTEMPTS)
  return stuck && { reason: 'launch_refused', message: describeEnd(stuck) }
}

/**
 * Counted from when the last of its workers got its place: nobody is blamed for a queue, nor for an engine that
 * cannot tell how far they are.
 */
function judgeStart(
  cluster: RecordedCluster,
  seats: readonly SeenWorker[],
  runtime: Runtime,
  { now, probe, isReady, isSeen }: Around,
): Verdict | undefined {
  if (cluster.status === 'running' || isReady || !isSeen || cluster.startedAt === null) return undefined
  const live = seats.filter(({ status }) => status !== 'ended')
  const isPlaced = live.length > 0 && live.every(({ status }) => status === 'placed' || status === 'started')
  if (!isPlaced || hasEmptySeat(cluster, seats, runtime)) return undefined
  const times = [cluster.startedAt, ...live.map(({ startedAt, createdAt }) => startedAt ?? createdAt)]
  const since = Math.max(...times.map(time => Date.parse(time)))
  if (now.getTime() - since < runtime.startTimeoutSeconds * SECOND_MS) return undefined
  const hasScheduler = runtime.scheduler !== undefined
  const who = hasScheduler ? 'Its scheduler and workers were not' : 'Not all its workers were'
  const within = describeDuration(runtime.startTimeoutSeconds * SECOND_MS)
  const counted = `${probe?.readyWorkers ?? 0} of ${cluster.workers} workers were ready.`
  const hint = hintAtLogs(cluster.id, { role: hasScheduler ? 'scheduler' : 'worker', seat: 0 })
  return {
    reason: 'start_timeout',
    message: `${who} ready within ${within} of their start. ${probe?.problem ?? counted} ${hint}`,
  }
}

/** A seat that could be taken, and that nobody has had yet: it waits for room. */
function hasEmptySeat(cluster: RecordedCluster, seats: readonly SeenWorker[], runtime: Runtime): boolean {
  const scheduler = seats.find(({ role }) => role === 'scheduler')
  const isRunnable =
    runtime.scheduler === undefined || (scheduler?.status === 'started' && scheduler.address !== null)
  const taken = seats.filter(({ role, seat }) => role === 'worker' && seat < cluster.workers).length
  return isRunnable && taken < cluster.workers
}

export function ranWell({ startedAt, endedAt }: SeenWorker, now: Date): boolean {
  if (startedAt === null) return false
  const end = endedAt === null ? now.getTime() : Date.parse(endedAt)
  return end - Date.parse(startedAt) >= RAN_WELL_MS
}

/** Such as "Worker 2 ended with exit code 3 after 61 s." */
export function describeEnd(worker: SeenWorker): string {
  const message = worker.message ?? 'ended'
  return `${nameOf(worker)} ${message}${/[.!?]$/.test(message) ? '' : '.'}`
}

function nameOf({ role, seat }: SeenWorker): string {
  return role === 'scheduler' ? 'The scheduler' : `Worker ${seat}`
}

function hintAtLogs(clusterId: number, { role, seat }: Pick<SeenWorker, 'role' | 'seat'>): string {
  const worker = role === 'scheduler' ? role : seat
  return `GET /clusters/${clusterId}/logs?worker=${worker} shows its output.`
}
