import type { Cluster, ClusterStatus } from '../client/index.ts'

/** What the API says in one word, in a sentence. */
const REASONS: Readonly<Record<Cluster['reason'], string>> = {
  none_configured: 'This server launches nothing',
  imported: 'Came from another installation',
  waiting_for_capacity: 'Waiting for capacity',
  launching: 'Being launched',
  waiting_for_ready: 'Waiting for its workers to be ready',
  ready: 'All its workers are ready',
  worker_lost: 'A worker was lost and is being replaced',
  engine_unreachable: 'The engine cannot be asked',
  stopped_by_user: 'You stopped it',
  stopped_by_administrator: 'An administrator stopped it',
  completed: 'Its command has ended',
  idle_timeout: 'It was idle for too long',
  lifetime_reached: 'It reached its lifetime',
  start_timeout: 'It did not start in time',
  launch_refused: 'The engine refused to launch it',
  program_not_found: 'Its program was not found',
  worker_exited: 'A worker ended',
  out_of_memory: 'A worker ran out of memory',
  crash_loop: 'A worker failed again and again',
  node_failed: 'A machine failed',
  preempted: 'It had to make room',
  time_limit: 'It reached the time limit of the engine',
}

export function sayReason(reason: Cluster['reason']): string {
  return REASONS[reason]
}

export const STATUSES: readonly ClusterStatus[] = [
  'pending',
  'starting',
  'running',
  'stopping',
  'stopped',
  'failed',
]

export function isLive({ ended_at: endedAt }: Pick<Cluster, 'ended_at'>): boolean {
  return endedAt === null
}

/** To two digits after the point, and without them where they are zeros. */
export function formatAmount(amount: number): string {
  if (amount > 0 && amount < 0.005) return '< 0.01'
  return (Math.round(amount * 100) / 100).toLocaleString()
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`
}
