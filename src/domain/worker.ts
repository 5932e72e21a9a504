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
