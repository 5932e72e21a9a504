/** The life of a cluster: its statuses, why it is in one, and which may follow which. */

export const CLUSTER_STATUSES = ['pending', 'starting', 'running', 'stopping', 'stopped', 'failed'] as const
export type ClusterStatus = (typeof CLUSTER_STATUSES)[number]

/** The closed list, the same over all engines. `message` holds the engine's own words. */
export const CLUSTER_REASONS = [
  'none_configured',
  'imported',
  'waiting_for_capacity',
  'launching',
  'waiting_for_ready',
  'ready',
  'worker_lost',
  'engine_unreachable',
  'stopped_by_user',
  'stopped_by_administrator',
  'completed',
  'idle_timeout',
  'lifetime_reached',
  'start_timeout',
  'launch_refused',
  'program_not_found',
  'worker_exited',
  'out_of_memory',
  'crash_loop',
  'node_failed',
  'preempted',
  'time_limit',
] as const
export type ClusterReason = (typeof CLUSTER_REASONS)[number]

/**
 * Which status may follow which. A status never goes back: a lost worker shows in `ready_workers` while it
 * is replaced. `stopped` and `failed` mean "confirmed gone, costs nothing any more" and are for ever.
 */
const FOLLOWS = {
  pending: ['starting', 'running', 'stopping', 'stopped', 'failed'],
  starting: ['running', 'stopping', 'stopped', 'failed'],
  running: ['stopping', 'stopped', 'failed'],
  stopping: ['stopped', 'failed'],
  stopped: [],
  failed: [],
} as const satisfies Record<ClusterStatus, readonly ClusterStatus[]>

export function mayFollow(from: ClusterStatus, to: ClusterStatus): boolean {
  const following: readonly ClusterStatus[] = FOLLOWS[from]
  return following.includes(to)
}

/** A live cluster counts against its creator's quota; one that has ended never comes back. */
export function isLive(status: ClusterStatus): boolean {
  return FOLLOWS[status].length > 0
}

/** The reasons for which a cluster ends as it was meant to. */
const GOOD_ENDS: readonly ClusterReason[] = [
  'stopped_by_user',
  'stopped_by_administrator',
  'completed',
  'idle_timeout',
  'lifetime_reached',
]

/** What a cluster that was asked to end for this reason is when it is gone. */
export function endStatusOf(reason: ClusterReason): 'stopped' | 'failed' {
  return GOOD_ENDS.includes(reason) ? 'stopped' : 'failed'
}

/** Whether a cluster in `from` may still come to `to`; it is there when they are the same. */
export function canReach(from: ClusterStatus, to: ClusterStatus): boolean {
  return from === to || FOLLOWS[from].some(next => canReach(next, to))
}

/** A cluster as a creator asked for it, after validation. */
export interface ClusterRequest {
  /** CPUs per worker. */
  readonly cpus: number
  /** GiB per worker. */
  readonly memory: number
  /** `undefined`: named after its id. */
  readonly name: string | undefined
  readonly workers: number
  readonly runtime: string
  readonly command: readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  readonly idleTimeoutSeconds: number | null
  readonly lifetimeSeconds: number | null
}

/** The part of a cluster that decisions are made from. */
export interface Cluster {
  readonly id: number
  readonly creatorId: number
  readonly name: string
  readonly cpus: number
  readonly memory: number
  readonly workers: number
  readonly runtime: string
  readonly status: ClusterStatus
  readonly reason: ClusterReason
}
