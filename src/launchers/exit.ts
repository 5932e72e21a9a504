import { constants } from 'node:os'
import type { WorkerEnd } from './launcher.ts'
import { NOT_RUN } from './order.ts'

/** How a worker's program ended, as the shell that ran its order says. */
export interface ShellExit {
  readonly exitCode: number
  /** The code stands for a signal: the signal's number is the code less 128. */
  readonly isSignal: boolean
}

export function describeExit({ exitCode, isSignal }: ShellExit): Pick<WorkerEnd, 'exitCode' | 'signal'> {
  if (!isSignal) return { exitCode, signal: null }
  const number = exitCode - 128
  const name = Object.entries(constants.signals).find(([, each]) => each === number)?.[0]
  return { exitCode: null, signal: name ?? `SIG${number}` }
}

/** Whether the first line of its output may say that its program could not be run. */
export function mayBeNotRun({ exitCode, isSignal }: ShellExit): boolean {
  return !isSignal && (exitCode === 127 || exitCode === 126)
}

/** That in words which follow the worker's name; `undefined`: it says something else. `where` it has to be installed. */
export function explainNotRun(firstLine: string, where: string): string | undefined {
  if (!firstLine.startsWith(NOT_RUN)) return undefined
  const why = firstLine.slice(NOT_RUN.indexOf('the program'))
  return `could not run its program: ${why}: check its name, install it on ${where}, or give its whole path`
}
