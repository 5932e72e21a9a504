import type { ClusterReason } from './cluster.ts'

/** One process, job or pod of a cluster, launched at most once. */

export const WORKER_ROLES = ['scheduler', 'worker'] as const
/** The scheduler is the one extra worker that some runtimes have. */
export type WorkerRole = (typeof WORKER_ROLES)[number]

/**
 * launching: recorded, the engine is being asked. queued: the engine has it, and has no place for it yet.
 * placed: it has a place, and is being started. started: its program runs. stopping: asked to end, not confirmed
 * gone. ended: confirmed gone, and never changes again.
 */
export const WORKER_STATUSES = ['launching', 'queued', 'placed', 'started', 'stopping', 'ended'] as const
export type WorkerStatus = (typeof WORKER_STATUSES)[number]

/** Random, lower case letters and digits: it goes into file names, job names and labels as it is. */
export type WorkerId = string

/**
 * Why a worker has ended. The last four are no failures of the worker: it was replaced with its scheduler, its
 * seat or its cluster was no longer wanted, or it had not begun when the launch broke off.
 */
export const WORKER_END_REASONS = [
  'completed',
  'worker_exited',
  'program_not_found',
  'out_of_memory',
  'worker_lost',
  'node_failed',
  'preempted',
  'time_limit',
  'launch_refused',
  'scheduler_replaced',
  'scaled_down',
  'cluster_stopped',
  'never_started',
] as const
export type WorkerEndReason = (typeof WORKER_END_REASONS)[number]

/** What says nothing about the worker's program: it was not wanted any more, or never began. */
const NO_FAILURES: readonly WorkerEndReason[] = [
  'scheduler_replaced',
  'scaled_down',
  'cluster_stopped',
  'never_started',
]

/** Whether the worker ended by itself, well or badly, and not because of us. */
export function endedByItself(reason: WorkerEndReason): boolean {
  return !NO_FAILURES.includes(reason)
}

/** Ends a whole cluster whose runtime replaces nothing, in the cluster's own words. */
export function toClusterReason(reason: WorkerEndReason): ClusterReason {
  switch (reason) {
    case 'scheduler_replaced':
    case 'scaled_down':
    case 'cluster_stopped':
    case 'never_started':
      return 'worker_lost'
    default:
      return reason
  }
}

/** How a program ended, as far as the operating system tells. */
export interface ProgramEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** How long it ran, in milliseconds; `null` when nobody knows. */
  readonly ranMs: number | null
  /** We told it to end before it did. */
  readonly isToldTo: boolean
}

/** A shell says with these that it could not begin a program. */
const NOT_FOUND_CODES = [126, 127]
/** A program that has run for longer was there. */
const NOT_FOUND_WITHIN_MS = 5000

const OF_OTHERS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']
/** A program gets these for what it did itself. */
const OF_FAULTS = ['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT', 'SIGSYS', 'SIGTRAP']

/** Why a worker ended whose engine knows no better, and what happened in words that follow its name. */
export function explainEnd({ exitCode, signal, ranMs, isToldTo }: ProgramEnd): {
  reason: WorkerEndReason
  message: string
} {
  const after = ranMs === null ? '' : ` after ${describeDuration(ranMs)}`
  if (signal !== null) {
    const origin = isToldTo ? '' : explainSignal(signal)
    return { reason: 'worker_exited', message: `was ended by the signal ${signal}${after}${origin}` }
  }
  if (exitCode === null) return { reason: 'worker_lost', message: `ended${after}; nobody knows how` }
  if (exitCode === 0) return { reason: 'completed', message: `ended with exit code 0${after}` }
  if (NOT_FOUND_CODES.includes(exitCode) && ranMs !== null && ranMs < NOT_FOUND_WITHIN_MS) {
    return {
      reason: 'program_not_found',
      message:
        exitCode === 127
          ? 'has no such program to run (exit code 127): install it where the workers run, or give its full path'
          : 'has a program that cannot be executed (exit code 126): check that it is executable there',
    }
  }
  return { reason: 'worker_exited', message: `ended with exit code ${exitCode}${after}` }
}

/** Where one comes from that this server did not send. */
function explainSignal(signal: string): string {
  if (OF_OTHERS.includes(signal)) {
    return ', which this server did not send: somebody on that machine did, or the system itself'
  }
  return OF_FAULTS.includes(signal) ? ': a fault in its program' : ''
}

/** Such as "0.4 s", "12 s", "5 min" and "3 h". */
export function describeDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
