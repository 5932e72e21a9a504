import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { WorkerId } from '../../domain/worker.ts'
import type { Cgroups } from './cgroups.ts'

/** A shell reads it, so it is a file of its own: beside this one, and beside the bundle. */
const KEEPER = fileURLToPath(new URL('keeper.sh', import.meta.url))

export interface KeeperOptions {
  /** With the workers' folders. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** Holds their working folders, where these are not below `folder`. */
  readonly workRoot: string | undefined
  /** Begins a shell of another user in a session of its own; empty when workers are of our own. */
  readonly startCommand: readonly string[]
  /** Between two looks whether a worker's folder is still there. */
  readonly watchSeconds: number
  readonly cgroups: Cgroups
  /** A worker has started or ended. */
  readonly onReport: (worker: WorkerId) => void
}

/**
 * Starts one process that gives each order to a keeper. Resolves as soon as it runs; rejects when it could not be
 * started, and then none of the orders was taken.
 */
export async function startKeepers(ids: readonly WorkerId[], options: KeeperOptions): Promise<void> {
  const { cgroups } = options
  const child = spawn(
    '/bin/sh',
    [
      KEEPER,
      String(options.watchSeconds),
      String(cgroups.version),
      cgroups.folderOf('memory') ?? '-',
      cgroups.folderOf(cgroups.version === 1 ? 'cpuacct' : 'cpu') ?? '-',
      cgroups.folders.join(' '),
      options.workRoot ?? '',
      options.startCommand.join(' '),
    ],
    {
      cwd: options.folder,
      env: { ...options.environment },
      // A session of its own: what ends the server or its terminal does not end them.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    },
  )
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  const { stdin } = child
  // Its end before it has read shows in list(): the orders that nobody took are withdrawn.
  stdin?.on('error', () => undefined)
  stdin?.end(`${ids.join('\n')}\n`)
  readReports(child.stdio[3], options.onReport)
}

function readReports(reports: unknown, onReport: (worker: WorkerId) => void): void {
  if (!(reports instanceof Socket)) return
  // The server ends without waiting for its workers.
  reports.unref()
  reports.on('error', () => undefined)
  let rest = ''
  reports.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onReport(line.slice(line.indexOf(' ') + 1))
  })
}
