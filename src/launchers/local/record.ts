import {
  constants,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import type { ProcessIdentity } from './processes.ts'

/**
 * What the files in a worker's folder say. The keeper writes each as one line; a line without its newline was
 * broken off, and does not count.
 */

/** Files in a worker's folder. */
export const FILES = {
  order: 'order',
  keeper: 'keeper',
  started: 'started',
  ended: 'ended',
  stopping: 'stopping',
  log: 'log',
  work: 'work',
} as const

/** In `keeper` and `started`, in place of what the keeper writes: the server was first, so it never starts. */
export const NEVER = 'never'
const NEVER_FILE = '.never'

/** So that `putNever` needs no room on the disk. Throws the file system's error. */
export function prepareNever(folder: string): void {
  const path = join(folder, NEVER_FILE)
  // One that was broken off would say nothing.
  rmSync(path, { force: true })
  writeFileSync(path, `${NEVER}\n`, { mode: 0o600 })
}

/** Creates `keeper` or `started` in place of the keeper, complete at once; whether we were first. */
export function putNever(folder: string, id: WorkerId, file: 'keeper' | 'started'): boolean {
  try {
    linkSync(join(folder, NEVER_FILE), join(folder, id, file))
    return true
  } catch (error) {
    // A folder that has gone meanwhile has no order either.
    if (errorCodeOf(error) === 'EEXIST' || errorCodeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** Folders that are on their way out; nothing in them counts any more. */
export const REMOVED_PREFIX = '.removed-'

export const isWorkerId = (name: string): name is WorkerId => /^[a-z0-9]{1,64}$/.test(name)

export interface Ending {
  readonly exitCode: number
  readonly isSignal: boolean
  readonly oomKills: number
  readonly peakMemoryBytes: number
  readonly cpuSeconds: number
  readonly at: Date
}

export interface Line {
  readonly text: string
  /** When it was written. */
  readonly at: Date
}

// No line of ours comes near it; whatever is longer was not written by us.
const buffer = Buffer.alloc(4096)

/** `undefined`: there is no such file, or its line is not complete. */
export function findLine(path: string): Line | undefined {
  // Most looks are for what is not there yet, and an error that is thrown costs ten times as much.
  if (!existsSync(path)) return undefined
  let file: number
  try {
    // Whoever may write here may have put something else there, which would keep us waiting.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) return undefined
    const text = buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0))
    const end = text.indexOf('\n')
    return end === -1 ? undefined : { text: text.slice(0, end), at: stats.mtime }
  } finally {
    closeSync(file)
  }
}

/** When a file was written last; `undefined`: there is none. */
export function findStats(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

/** PID, start time and boot, as the keeper writes them of itself and of the worker. */
export function parseIdentity(line: string): ProcessIdentity | undefined {
  const [, pid, startTicks, bootId] = /^([1-9]\d{0,9}) (\d{1,20}) ([0-9a-f-]{1,64})$/.exec(line) ?? []
  if (pid === undefined || startTicks === undefined || bootId === undefined) return undefined
  return { pid: Number(pid), startTicks, bootId }
}

/** Exit code, whether that stands for a signal, kills for lack of memory, peak in bytes, CPU time in ns. */
export function parseEnding({ text, at }: Line): Ending | undefined {
  const [, code, signal, oomKills, peak, cpuNs] = /^(\d+) ([01]) (\d+) (\d+) (\d+)$/.exec(text) ?? []
  if (code === undefined) return undefined
  return {
    exitCode: Number(code),
    isSignal: signal === '1',
    oomKills: Number(oomKills),
    peakMemoryBytes: Number(peak),
    cpuSeconds: Number(cpuNs) / 1e9,
    at,
  }
}
