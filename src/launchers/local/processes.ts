import { readdirSync, readFileSync } from 'node:fs'

/** What /proc tells about processes. Files there are made on reading, so they are read at once: no disk waits. */

/** A process as it cannot be mistaken for a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** In clock ticks since the boot. */
  readonly startTicks: string
  readonly bootId: string
}

export interface ProcessStat {
  readonly isZombie: boolean
  readonly parentPid: number
  readonly session: number
  readonly startTicks: string
}

export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** `undefined`: there is no such process. */
export function findProcess(pid: number): ProcessStat | undefined {
  return parseStat(readOrNothing(`/proc/${pid}/stat`))
}

/** A line of /proc/PID/stat. */
export function parseStat(line: string): ProcessStat | undefined {
  // The name in parentheses may hold anything, so what counts begins after the last of them.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [state, parentPid, , session] = fields
  const startTicks = fields[19]
  if (state === undefined || startTicks === undefined) return undefined
  return {
    isZombie: state === 'Z' || state === 'X',
    parentPid: Number(parentPid),
    session: Number(session),
    startTicks,
  }
}

/** Whether it is that very process, and more than an exit status that nobody has fetched. */
export function isAlive({ pid, startTicks, bootId }: ProcessIdentity, bootIdNow: string): boolean {
  if (bootId !== bootIdNow) return false
  const found = findProcess(pid)
  return found !== undefined && found.startTicks === startTicks && !found.isZombie
}

export function listPids(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

/** Variables of a process as it was started; empty when it may not be read, or is gone. */
export function readEnvironment(pid: number): readonly string[] {
  return readOrNothing(`/proc/${pid}/environ`).split('\0')
}

/** Resolves if it is gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile, or it is not ours to end; the next look tells.
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
