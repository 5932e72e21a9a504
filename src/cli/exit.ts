import { CommanderError } from 'commander'
import { ProblemError, type Problem } from '../client/index.ts'
import { OperatorError, Unavailable } from '../domain/errors.ts'
import { paint, say } from './output.ts'

/** The one table of exit codes. */
export const EXIT = {
  ok: 0,
  /** Refused, or it did not work. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The cluster that was waited for has failed. */
  clusterFailed: 3,
  notLoggedIn: 4,
  /** The server does not answer. */
  unreachable: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const

/** Ends the command with a code when all has been said. */
export class Exit extends Error {
  override readonly name = 'Exit'
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** What the person at the terminal can mend: one sentence, no stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: number

  constructor(message: string, code: number = EXIT.failed) {
    super(message)
    this.code = code
  }
}

/** Says why, and gives the exit code. */
export function explain(error: unknown): number {
  if (error instanceof Exit) return error.code
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CommandError) return complain(error.message, error.code)
  if (error instanceof ProblemError) return explainProblem(error.problem)
  if (error instanceof OperatorError || error instanceof Unavailable) {
    return complain(error.message, EXIT.failed)
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return complain(`unexpected error; please report it.\n${text}`, EXIT.failed)
}

function explainProblem({ type, status, detail, errors, request_id: requestId }: Problem): number {
  if (type === 'unreachable') {
    return complain(`${detail} Is it running? "clusters doctor" looks what is wrong.`, EXIT.unreachable)
  }
  if (status === 401) return complain(`${detail} Log in with "clusters login".`, EXIT.notLoggedIn)
  if (status >= 500) return complain(`${detail} (request ${requestId ?? 'unknown'})`, EXIT.failed)
  complain(errors === undefined ? detail : 'The server refuses that:', EXIT.failed)
  for (const [field, messages] of Object.entries(errors ?? {})) {
    for (const message of messages) say(`  ${field} ${message}`)
  }
  return EXIT.failed
}

function complain(message: string, code: number): number {
  say(`${paint('red', 'clusters:', process.stderr)} ${message}`)
  return code
}
