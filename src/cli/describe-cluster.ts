import type { Cluster } from '../client/index.ts'
import { paint } from './output.ts'

type Status = Cluster['status']
const STYLES = {
  pending: 'yellow',
  starting: 'yellow',
  running: 'green',
  stopping: 'yellow',
  stopped: 'dim',
  failed: 'red',
} as const satisfies Record<Status, Parameters<typeof paint>[0]>

export function paintStatus(status: Status, stream?: NodeJS.WriteStream): string {
  return paint(STYLES[status], status, stream)
}

/** How it stands, in one line without its name: why it waits, how many are ready, or how it ended. */
export function describeState(cluster: Cluster, stream?: NodeJS.WriteStream): string {
  const { status, reason, message, workers, ready_workers: ready, address } = cluster
  const isOnTheWay = status === 'starting' || status === 'running'
  const parts = [
    paintStatus(status, stream),
    ...(isOnTheWay ? [`${ready} of ${workers} ready`] : []),
    ...(status === 'running' && reason === 'ready' ? [] : [reason.replaceAll('_', ' ')]),
    ...(status === 'running' && address !== null ? [`at ${address}`] : []),
  ]
  const line = parts.join(', ')
  return message === null ? line : `${line}: ${message}`
}
