import { MAX_COMMAND_BYTES, MAX_ENVIRONMENT_BYTES } from './limits.ts'

/**
 * What the workers of a cluster run, as data. Commands, URLs and the address may hold {@link PLACEHOLDERS}, such
 * as `{cpus}`.
 */
export interface RuntimeDefinition {
  readonly name: string
  /** One sentence, for the form that creates clusters. */
  readonly description: string
  /** `undefined`: each cluster brings its own. */
  readonly command: readonly string[] | undefined
  /** The one extra worker that the others connect to, and its size. */
  readonly scheduler:
    { readonly command: readonly string[]; readonly cpus: number; readonly memory: number } | undefined
  /** Variables of its workers, over ours and below the user's. */
  readonly environment: Readonly<Record<string, string>>
  /** Names of the ports that the scheduler listens on. */
  readonly ports: readonly string[]
  /** Where a client connects; needs a scheduler. */
  readonly address: string | undefined
  /**
   * A file in the folder where each of its workers begins: the cluster's own certificate and its key, in PEM. Its
   * creator can fetch the same. `undefined`: there are none.
   */
  readonly credentials: string | undefined
  /** `undefined`: a worker is ready when its program has started. */
  readonly readiness: Readiness | undefined
  /** `undefined`: nobody can tell, so there is no idle timeout. */
  readonly idleness: Idleness | undefined
  /** `always`: a worker that ends is replaced. `never`: the cluster ends with its workers. */
  readonly restart: 'always' | 'never'
  /** A cluster that is not running so long after the last of its workers got its place has failed. */
  readonly startTimeoutSeconds: number
  /** Ends with 0 where the runtime's program can run; else `missing` says what to install. */
  readonly check: { readonly command: readonly string[]; readonly missing: string } | undefined
}

/** A runtime as this server runs it. */
export interface Runtime extends RuntimeDefinition {
  /** Where its ports are: other machines may have to reach them. */
  readonly portRange: PortRange
}

/** Both of them are in it. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** The placeholders that a runtime's texts may hold, besides the names of its ports, by where they stand. */
export const PLACEHOLDERS = {
  /** Of the address and of URLs, which clients and we ourselves use. */
  url: ['scheduler_host'],
  schedulerCommand: ['listen_host', 'cluster', 'workers', 'cpus', 'memory_bytes'],
  command: [
    'listen_host',
    'scheduler_host',
    'address',
    'cluster',
    'index',
    'workers',
    'cpus',
    'memory_bytes',
  ],
} as const

/** The scheduler's own word: JSON with how many workers it has. */
interface Readiness {
  readonly url: string
  /** The field with their number. */
  readonly count: string
}

/** JSON whose fields tell whether anything is being done. */
interface Idleness {
  readonly url: string
  /** It is busy while one of these is not 0. */
  readonly busy: readonly string[]
}

/** Variables that every worker gets from us; a user's environment may not set them. */
const RESERVED_VARIABLE_PREFIX = 'CLUSTER_'

const utf8 = new TextEncoder()

/**
 * Why a command cannot be run as it stands, or `undefined`. It is required where the runtime has none of its
 * own, and only there.
 */
export function commandProblem(
  { name, command: ofRuntime }: Pick<Runtime, 'name' | 'command'>,
  command: readonly string[] | null,
): string | undefined {
  const bringsItsOwn = ofRuntime !== undefined
  if (command === null) return bringsItsOwn ? undefined : `is required for the runtime ${name}`
  if (bringsItsOwn) return `is only for the runtime command, not for ${name}`
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
