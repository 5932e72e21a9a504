import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { WorkerId } from '../../domain/worker.ts'
import type { Cgroups } from './cgroups.ts'

/** A shell reads it, so it is a file of its own: beside this one, and beside the bundle. */
const KEEPER = fileURLToPath(new URL('keeper.sh', import.meta.url))

/** Later than what a launch makes happen, so that nothing of it waits for the next launch's shell. */
const PREPARE_AFTER_MS = 200

/** O_CLOEXEC of Linux, which Node does not name. */
const CLOSED_ON_EXEC = 0o2000000

export interface KeepersOptions {
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
 * Starts the processes that give each order to a keeper. One waits for orders beforehand, for a program takes its
 * time to begin; without orders it ends when this process does.
 */
export class Keepers {
  readonly #options: KeepersOptions
  #waiting: Promise<ChildProcess> | undefined
  #timer: NodeJS.Timeout | undefined
  /** From descriptor 4 on: /dev/null in the place of what workers must not have. */
  readonly #covers: readonly ('ignore' | number)[]
  #null: number | undefined

  constructor(options: KeepersOptions) {
    this.#options = options
    const inherited = listInherited()
    this.#covers = []
    if (inherited.length > 0) {
      const cover = openSync('/dev/null', 'r+')
      this.#covers = Array.from({ length: Math.max(...inherited) - 3 }, (_, index) =>
        inherited.includes(index + 4) ? cover : 'ignore',
      )
      this.#null = cover
    }
    this.#prepare()
  }

  /** Resolves once they are about to be taken; rejects when no process could be started, and then none ever is. */
  async start(ids: readonly WorkerId[]): Promise<void> {
    const waiting = this.#waiting ?? this.#spawn()
    this.#waiting = undefined
    const { stdin } = await waiting
    stdin?.end(`${ids.join('\n')}\n`)
    this.#timer?.refresh()
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#prepare()
    }, PREPARE_AFTER_MS).unref()
  }

  /** Of those that run the workers go on. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const waiting = await this.#waiting?.catch(() => undefined)
    waiting?.stdin?.end()
    if (this.#null !== undefined) closeSync(this.#null)
    this.#null = undefined
  }

  #prepare(): void {
    if (this.#waiting !== undefined) return
    const waiting = this.#spawn()
    this.#waiting = waiting
    const forget = () => {
      if (this.#waiting === waiting) this.#waiting = undefined
    }
    // Whoever launches then tries again, and hears why it fails.
    waiting.then(child => child.once('exit', forget), forget)
  }

  async #spawn(): Promise<ChildProcess> {
    const { folder, environment, workRoot, startCommand, watchSeconds, cgroups, onReport } = this.#options
    const child = spawn(
      '/bin/sh',
      [
        KEEPER,
        folder,
        String(watchSeconds),
        String(cgroups.version),
        cgroups.folderOf('memory') ?? '-',
        cgroups.folderOf(cgroups.version === 1 ? 'cpuacct' : 'cpu') ?? '-',
        cgroups.folders.join(' '),
        workRoot ?? '',
        startCommand.join(' '),
      ],
      {
        cwd: '/',
        env: { ...environment },
        // A session of its own: what ends the server or its terminal does not end them.
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore', 'pipe', ...this.#covers],
      },
    )
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    // Its end before it has read shows in list(): the orders that nobody took are withdrawn.
    child.stdin?.on('error', () => undefined)
    if (child.stdin instanceof Socket) child.stdin.unref()
    readReports(child.stdio[3], onReport)
    return child
  }
}

/** What whoever started this process left open for it: Node would hand on what is above a gap. */
function listInherited(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter(number => number > 3 && isHandedOn(number))
}

function isHandedOn(descriptor: number): boolean {
  try {
    const [, flags = ''] =
      /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? []
    return (parseInt(flags, 8) & CLOSED_ON_EXEC) === 0
  } catch {
    // That of the look itself.
    return false
  }
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
