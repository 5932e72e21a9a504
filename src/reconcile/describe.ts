import type { ClusterChange } from '../database/clusters.ts'
import type { ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import { endedByItself } from '../domain/worker.ts'
import type { Size } from '../launchers/launcher.ts'
import { addMs, SECOND_MS, toTimestamp } from '../lib/clock.ts'
import type { Decision } from './decision.ts'
import type { SeenWorker } from './observe.ts'
import type { Admission, Waiting } from './queue.ts'
import type { RecordedCluster, Snapshot } from './snapshot.ts'
import { addressOf } from './spec.ts'
import { describeEnd, MAX_ATTEMPTS, ranWell } from './verdict.ts'

/** What users are told of a cluster that goes on: its status, and why it has it. Pure. */

/** Told of clusters in a place for which there is no loop. */
export const UNSERVED =
  'No server serves the place where this cluster runs: it was created with another engine or data folder. ' +
  'Its operator has to start a server with those again.'

interface Described {
  readonly decision: Decision
  readonly admission: Admission | undefined
  readonly snapshot: Snapshot
}

export function describeCluster(described: Described): ClusterChange {
  const { snapshot } = described
  const { cluster, workers, runtime, readyWorkers, isReady } = described.decision
  const { look } = snapshot
  const isPlaced = workers.some(({ status }) => status === 'placed' || status === 'started')
  const status = statusOf(cluster.status, isReady, isPlaced)
  const { reason, message } = explain(described)
  const scheduler = workers.find(
    ({ role, status: ofWorker }) => role === 'scheduler' && ofWorker === 'started',
  )
  const address =
    runtime === undefined || scheduler === undefined || scheduler.address === null
      ? null
      : (addressOf(runtime, { id: scheduler.id, address: scheduler.address }) ?? null)
  const begins = cluster.startedAt === null && status !== 'pending'
  const turnsReady = status === 'running' && cluster.status !== 'running'
  const now = begins || turnsReady ? toTimestamp(snapshot.now) : null
  return {
    id: cluster.id,
    from: cluster.status,
    status,
    reason,
    message,
    readyWorkers,
    address: look.kind === 'seen' ? address : cluster.address,
    startedAt: begins ? now : null,
    readyAt: turnsReady ? now : null,
    expiresAt:
      begins && cluster.lifetimeSeconds !== null
        ? toTimestamp(addMs(snapshot.now, cluster.lifetimeSeconds * SECOND_MS))
        : null,
    endedAt: null,
  }
}

/** Never goes back. */
function statusOf(before: ClusterStatus, isReady: boolean, isPlaced: boolean): ClusterStatus {
  if (before === 'running' || isReady) return 'running'
  return isPlaced ? 'starting' : before
}

interface Explanation {
  readonly reason: ClusterReason
  readonly message: string | null
}

function explain(described: Described): Explanation {
  const { decision, admission, snapshot } = described
  const { cluster, workers, observations, readyWorkers, isReady } = decision
  const { look } = snapshot
  if (look.kind === 'unreachable') {
    return {
      reason: 'engine_unreachable',
      message: `The engine cannot be asked now (${look.why}). Its workers go on as they are; the engine is asked again.`,
    }
  }
  if (isReady) {
    return { reason: 'ready', message: describeDone(decision) ?? describeRounding(cluster, snapshot) }
  }
  // Where many end one after the other, each would be two events: one that says nothing, and one that takes it back.
  const isInTransit = observations.some(({ seen, closing }) => closing !== undefined && seen.reason === null)
  if (isInTransit) return { reason: cluster.reason, message: cluster.message }
  const lost = explainLoss(decision, snapshot)
  if (lost !== undefined) return lost
  const queued = observations.find(({ seen }) => seen.status === 'queued')
  if (queued !== undefined) {
    return {
      reason: 'waiting_for_capacity',
      message: queued.waitsFor ?? 'The engine has no place for it yet.',
    }
  }
  if (admission?.waiting !== undefined) {
    // Far behind in the queue the numbers change all the time, and say nothing.
    const isKnown = cluster.reason === 'waiting_for_capacity' && admission.waiting.before >= EXACT_PLACES
    return {
      reason: 'waiting_for_capacity',
      message: isKnown ? cluster.message : describeWaiting(admission.waiting),
    }
  }
  // Right after a start of ours nobody knows yet how much room there is: what was said stays.
  if (snapshot.capacity === 'unknown' && cluster.reason === 'waiting_for_capacity') {
    return { reason: cluster.reason, message: cluster.message }
  }
  if (!workers.some(({ status }) => status === 'placed' || status === 'started')) {
    return { reason: 'launching', message: describeRounding(cluster, snapshot) }
  }
  const problem = snapshot.probes.get(cluster.id)?.problem
  return {
    reason: 'waiting_for_ready',
    message:
      `${readyWorkers} of ${cluster.workers} workers ${readyWorkers === 1 ? 'is' : 'are'} ready.` +
      (problem === undefined || problem === null ? '' : ` ${problem}`),
  }
}

/** Where workers end one after the other when they are done. */
function describeDone({ cluster, runtime, readyWorkers }: Decision): string | null {
  const done = cluster.workers - readyWorkers
  return runtime?.restart === 'never' && done > 0
    ? `${done} of ${cluster.workers} workers ${done === 1 ? 'has' : 'have'} ended with exit code 0.`
    : null
}

/** Where the workers have more than their creator asked for. */
function describeRounding({ cpus }: RecordedCluster, { givesWholeCpus }: Snapshot): string | null {
  if (!givesWholeCpus || Number.isInteger(cpus)) return null
  return `The engine gives whole CPUs: each worker has ${amountOf(Math.ceil(cpus), 'CPUs')} for the ${round(cpus)} it asked for.`
}

const EXACT_PLACES = 50

/** A worker that ended by itself, until the one in its place is there. */
function explainLoss({ cluster, workers, runtime }: Decision, { now }: Snapshot): Explanation | undefined {
  const wanted = workers.filter(({ role, seat }) => role === 'scheduler' || seat < cluster.workers)
  const isGood = ({ reason }: SeenWorker) => reason === 'completed' && runtime?.restart === 'never'
  const lost = wanted.find(worker => isFailure(worker) && !isGood(worker))
  if (lost !== undefined) {
    const failures = ranWell(lost, now) ? 1 : lost.attempt
    return {
      reason: 'worker_lost',
      message: `${describeEnd(lost)} Another one takes its place (attempt ${Math.min(failures + 1, MAX_ATTEMPTS)} of ${MAX_ATTEMPTS}).`,
    }
  }
  // What it was lost for stands in the row of the one before.
  const isReplaced = wanted.some(({ attempt, status }) => attempt > 1 && status !== 'started')
  return isReplaced && cluster.reason === 'worker_lost'
    ? { reason: 'worker_lost', message: cluster.message }
    : undefined
}

function isFailure({ reason, message }: SeenWorker): boolean {
  return reason !== null && message !== null && (endedByItself(reason) || reason === 'never_started')
}

function describeWaiting({ needs, used, capacity, before, isPossible }: Waiting): string {
  if (!isPossible) {
    const has = `this server has ${listAmounts(capacity, capacity)} for all clusters together`
    return `Never has room here: it needs ${listAmounts(needs, capacity)}, and ${has}. Stop it, or make it smaller.`
  }
  const parts = [
    ...(Number.isFinite(capacity.cpus) ? [part(needs, used, capacity, 'cpus', 'CPUs')] : []),
    ...(Number.isFinite(capacity.memory) ? [part(needs, used, capacity, 'memory', 'GiB')] : []),
  ]
  const queue =
    before === 0
      ? 'It is the next one.'
      : `${before} ${before === 1 ? 'cluster waits' : 'clusters wait'} before it; they start in the order they were asked for.`
  return `Waits for room: ${parts.join('; ')}. ${queue} Stop a cluster, or ask for less.`
}

function part(needs: Size, used: Size, capacity: Size, name: keyof Size, unit: string): string {
  return `it needs ${amountOf(needs[name], unit)}, and ${round(used[name])} of ${round(capacity[name])} are in use`
}

/** Such as "8 CPUs and 32 GiB", of what is bounded. */
function listAmounts(size: Size, bounds: Size): string {
  return [
    ...(Number.isFinite(bounds.cpus) ? [amountOf(size.cpus, 'CPUs')] : []),
    ...(Number.isFinite(bounds.memory) ? [amountOf(size.memory, 'GiB')] : []),
  ].join(' and ')
}

function amountOf(amount: number, unit: string): string {
  return round(amount) === 1 && unit === 'CPUs' ? '1 CPU' : `${round(amount)} ${unit}`
}

function round(amount: number): number {
  return Math.round(amount * 1000) / 1000
}
