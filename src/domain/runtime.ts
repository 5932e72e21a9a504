import { MAX_COMMAND_BYTES, MAX_ENVIRONMENT_BYTES } from './limits.ts'

/** What the workers of a cluster run. */
export const RUNTIMES = ['idle', 'command', 'dask'] as const

/** Variables that every worker gets from us; a user's environment may not set them. */
const RESERVED_VARIABLE_PREFIX = 'CLUSTER_'

const utf8 = new TextEncoder()

/**
 * Why a command cannot be run as it stands, or `undefined`. `command` is required for the runtime
 * `command`, and only there.
 */
export function commandProblem(runtime: string, command: readonly string[] | null): string | undefined {
  if (runtime === 'command' && command === null) return 'is required for the runtime command'
  if (command === null) return undefined
  if (runtime !== 'command') return `is only for the runtime command, not for ${runtime}`
  if (command[0] === '') return 'must begin with the name of a program'
  if (!command.every(isPassable)) return IMPASSABLE
  const bytes = command.reduce((sum, word) => sum + utf8.encode(word).length, 0)
  if (bytes > MAX_COMMAND_BYTES) return `must be at most ${MAX_COMMAND_BYTES} bytes in all, not ${bytes}`
  return undefined
}

/** Why an environment cannot be given to a worker, or `undefined`. Never repeats a value: they are secret. */
export function environmentProblem(environment: Readonly<Record<string, string>>): string | undefined {
  let bytes = 0
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(RESERVED_VARIABLE_PREFIX)) {
      return `must not set ${name.slice(0, 100)}: ${RESERVED_VARIABLE_PREFIX}* is set for every worker`
    }
    if (!isPassable(value)) return `${IMPASSABLE} (${name.slice(0, 100)})`
    bytes += utf8.encode(name).length + utf8.encode(value).length
  }
  if (bytes > MAX_ENVIRONMENT_BYTES) {
    return `must be at most ${MAX_ENVIRONMENT_BYTES} bytes in all, not ${bytes}`
  }
  return undefined
}

const IMPASSABLE = 'must not hold NUL characters or halves of surrogate pairs'

/** A process can be given it: no NUL, no half of a surrogate pair. */
function isPassable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text)
}
