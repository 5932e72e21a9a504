import { execFile } from 'node:child_process'

/** How to find out whether a runtime can run here. */
export interface ProgramCheck {
  readonly runtime: string
  /** A program and its arguments; it can run when this ends with 0. */
  readonly check: readonly string[]
  /** What to install when it does not. */
  readonly missing: string
}

const CHECK_TIMEOUT_MS = 5000

/** By runtime, what is missing. `shell`: begins a shell as the workers' user. */
export async function findMissingPrograms(
  checks: readonly ProgramCheck[],
  options: { shell: readonly string[]; environment: Readonly<Record<string, string>> },
): Promise<ReadonlyMap<string, string>> {
  const results = await Promise.all(
    checks.map(async each => ({ ...each, canRun: await succeeds(each.check, options) })),
  )
  return new Map(results.filter(({ canRun }) => !canRun).map(({ runtime, missing }) => [runtime, missing]))
}

function succeeds(
  check: readonly string[],
  { shell, environment }: Parameters<typeof findMissingPrograms>[1],
): Promise<boolean> {
  const [program = '', ...args] = [...shell, '-c', 'exec "$@"', 'sh', ...check]
  return new Promise(resolve => {
    execFile(
      program,
      args,
      { cwd: '/', env: { ...environment }, timeout: CHECK_TIMEOUT_MS, killSignal: 'SIGKILL' },
      error => {
        // One that takes too long has not said no: on a busy machine Python alone takes seconds to begin.
        resolve(error === null || error.killed === true)
      },
    )
  })
}
