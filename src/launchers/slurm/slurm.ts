import { execFile, type ExecFileException } from 'node:child_process'
import type { Argv } from './commands.ts'

/** Slurm does not answer, or not as it should: nothing is concluded from it. */
export class SlurmError extends Error {
  override readonly name = 'SlurmError'
  /** There is no such program here. */
  readonly isMissing: boolean
  /** It ended by itself, so that `message` are its own words. */
  readonly hasAnswered: boolean

  constructor(message: string, { isMissing, hasAnswered }: { isMissing: boolean; hasAnswered: boolean }) {
    super(message)
    this.isMissing = isMissing
    this.hasAnswered = hasAnswered
  }
}

const TIMEOUT_MS = 30_000
/** A line for each of very many workers. */
const MAX_OUTPUT_BYTES = 256 * 1024 ** 2

/** Slurm's programs on this machine, never through a shell. */
export class Slurm {
  readonly #environment: Readonly<Record<string, string>>

  /** They and the jobs that they submit see nothing but this environment. */
  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment
  }

  /** What it prints. Rejects with a `SlurmError`. */
  run(argv: Argv): Promise<string> {
    // Times without a zone are then in one that is known.
    return this.#start(argv, { ...this.#environment, TZ: 'UTC' })
  }

  /** The same for what hands its environment on to jobs, with standard input. */
  submit(argv: Argv, script: string): Promise<string> {
    return this.#start(argv, this.#environment, script)
  }

  #start([program, ...args]: Argv, env: Readonly<Record<string, string>>, input?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        program,
        args,
        {
          env: { ...env },
          cwd: '/',
          timeout: TIMEOUT_MS,
          killSignal: 'SIGKILL',
          maxBuffer: MAX_OUTPUT_BYTES,
        },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout)
          else reject(toSlurmError(program, error, stderr))
        },
      )
      // One that ends before it has read says by its exit code what is wrong.
      child.stdin?.on('error', () => undefined)
      child.stdin?.end(input)
    })
  }
}

function toSlurmError(program: string, error: ExecFileException, stderr: string) {
  if (error.code === 'ENOENT') {
    const message = `there is no program ${program} in PATH: install Slurm's client programs on this machine`
    return new SlurmError(message, { isMissing: true, hasAnswered: false })
  }
  if (error.killed === true) {
    const message = `${program} did not end within ${TIMEOUT_MS / 1000} s`
    return new SlurmError(message, { isMissing: false, hasAnswered: false })
  }
  const said = tidy(program, stderr)
  const message = said === '' ? `${program} failed (${error.code ?? error.signal ?? 'unknown'})` : said
  return new SlurmError(message, { isMissing: false, hasAnswered: typeof error.code === 'number' })
}

/** In one line, without what Slurm puts before each. */
function tidy(program: string, stderr: string): string {
  const prefix = new RegExp(`^(${program}: )?(error: |fatal: )?`)
  const lines = stderr.split('\n').map(line => line.trim().replace(prefix, ''))
  return lines.filter(line => line !== '').join('; ')
}

/**
 * Whether sbatch has not reached Slurm, or not heard its answer, by its own words: then anything may have come of it.
 * All else is Slurm's word against the job as it stands.
 */
export function mayHaveBeenSubmitted({ hasAnswered, message }: SlurmError): boolean {
  return !hasAnswered || UNHEARD.test(message)
}

const UNHEARD = new RegExp(
  [
    'unable to contact|timed out|connect failure|communication|zero bytes|connection (refused|reset)',
    'temporarily u?n?available|temporarily unable|in standby|transport|munge|credential|authentication',
    'no slurmctld|controller|network|socket|resolve|could not establish a configuration source|configuration file',
  ].join('|'),
  'i',
)
