import type { Size, WorkerSpec } from './launcher.ts'
import type { Account } from './account.ts'

/**
 * A worker's order: a script for the shell that is already the right user and already in its place. It reads it
 * from its standard input, so nobody else needs to be able to read it, and no value is ever an argument of a
 * program while it is on its way.
 */

/** What a worker sees of the server's own environment: where programs are, language and time zone. */
const PASSED_ON = /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ)$/
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Variables that a shell reads, sets or refuses to set by itself. `env` sets them instead. An argument can be seen by
 * others, so these are whole names: what only begins like one may hold a secret.
 */
const OF_SHELLS = new RegExp(
  `^(${[
    '_|IFS|OPT(IND|ARG|ERR)|LINENO|PPID|PWD|OLDPWD|PS[0-9]|ENV|SHLVL|TERM|TMOUT|CDPATH|REPLY|MAIL(PATH|CHECK)?',
    'UID|EUID|GROUPS|S?RANDOM|SECONDS|EPOCH(SECONDS|REALTIME)|SHELLOPTS|BASH(OPTS|PID)?|DIRSTACK',
    'BASH_(ALIASES|ARG[CV]|ARGV0|CMDS|COMMAND|COMPAT|ENV|EXECUTION_STRING|LINENO|LOADABLES_PATH)',
    'BASH_(MONOSECONDS|REMATCH|SOURCE|SUBSHELL|TRAPSIG|VERSINFO|VERSION|XTRACEFD)',
    'COMP(REPLY|_CWORD|_KEY|_LINE|_POINT|_TYPE|_WORDBREAKS|_WORDS)|FUNC(NAME|NEST)|PIPESTATUS',
    'HIST(CMD|CONTROL|FILE|FILESIZE|IGNORE|SIZE|TIMEFORMAT)|READLINE_(ARGUMENT|LINE|MARK|POINT)',
    'POSIXLY_CORRECT|IGNOREEOF|MAPFILE|COPROC|(F|GLOB|EXEC)IGNORE|PROMPT_(COMMAND|DIRTRIM)|TIMEFORMAT',
    'LANG|LANGUAGE|LC_(ALL|COLLATE|CTYPE|MESSAGES|MONETARY|NUMERIC|TIME)',
    'LC_(ADDRESS|IDENTIFICATION|MEASUREMENT|NAME|PAPER|TELEPHONE)',
  ].join('|')})$`,
)

/** The environment in which everything of a worker begins; nothing else of the server's reaches it. */
export function pickEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  account: Account,
): Record<string, string> {
  const environment: Record<string, string> = { PATH: DEFAULT_PATH }
  for (const [name, value] of Object.entries(own)) {
    if (PASSED_ON.test(name) && value !== undefined && value !== '') environment[name] = value
  }
  return {
    ...environment,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
  }
}

export interface OrderOptions {
  /** Where programs are looked for, unless the worker's own environment says otherwise. */
  readonly path: string
  /** The paths of these programs. */
  readonly env: string
  /** Begins a session; `undefined`: that has been done already. */
  readonly setsid: string | undefined
}

export function buildOrder(spec: WorkerSpec, { path, env, setsid }: OrderOptions): string {
  const variables = Object.entries(spec.environment)
  const plain = variables.filter(([name]) => !OF_SHELLS.test(name))
  const special = variables.filter(([name]) => OF_SHELLS.test(name))
  const [program = '', ...args] = spec.command
  // bash takes a program's name that begins with a dash for an option of `exec`, dash does not know `exec --`.
  const isThroughEnv = special.length > 0 || (setsid === undefined && program.startsWith('-'))
  const words = [
    ...(setsid === undefined ? [] : [setsid, '--']),
    ...(isThroughEnv ? [env, '--', ...special.map(([name, value]) => `${name}=${value}`)] : []),
    program,
    ...args,
  ]
  return [
    `# ${spec.size.cpus} ${spec.size.memory}`,
    ...checkProgram(program, spec.environment['PATH'] ?? path),
    // Where the keeper was is nobody's business.
    'unset OLDPWD',
    ...plain.map(([name, value]) => `export ${name}=${quote(value)}`),
    `exec ${words.map(quote).join(' ')} </dev/null`,
    '',
  ].join('\n')
}

/** What the output of a worker begins with whose program could not be run. */
export const NOT_RUN = 'clusters: the program '

/** In bytes; the kernel knows no longer ones. */
const LONGEST_NAME = 255
/** Of what is told: whoever reads it later takes no line over 4096 bytes. */
const LONGEST_WORDS = 500

/** Said in words of ours: a shell's own differ, and do not say where it has looked. */
function checkProgram(program: string, path: string): string[] {
  const where = describePlaces(program, path)
  const say = (words: string) => `printf '%s\\n' ${quote(`${NOT_RUN}${shorten(program)} ${words}`)}`
  return [
    // In a loop: all folders, each with the name, could be more than a machine holds.
    'found=',
    `for folder in ${listFolders(program, path).map(quote).join(' ')}; do place=$folder${quote(program)}`,
    'if [ -f "$place" ] && [ -x "$place" ]; then found=program; break; fi',
    'if [ -d "$place" ]; then found=${found:-folder}; elif [ -e "$place" ]; then found=file; fi',
    'done',
    'case $found in program) ;;',
    `file) ${say(`is not executable${where}`)}; exit 126 ;;`,
    `folder) ${say(`is a folder${where}`)}; exit 126 ;;`,
    `*) ${say(`was not found${where}`)}; exit 127 ;; esac`,
  ]
}

/** Each ends so that the program can follow, and begins so that nothing takes it for an option. */
function listFolders(program: string, path: string): string[] {
  if (program.startsWith('/')) return ['']
  if (program.includes('/')) return ['./']
  if (Buffer.byteLength(program) > LONGEST_NAME) return []
  return [...new Set(path.split(':'))].map(folder => (folder.startsWith('/') ? `${folder}/` : `./${folder}/`))
}

function describePlaces(program: string, path: string): string {
  if (program.startsWith('/')) return ''
  if (program.includes('/')) return " (in the worker's own folder, which is empty at the start)"
  return ` (PATH=${shorten(path)})`
}

function shorten(text: string): string {
  return text.length <= LONGEST_WORDS ? text : `${text.slice(0, LONGEST_WORDS)}…`
}

/** As one word of a shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** What the worker asked for, from the first line of its order: an end for lack of memory is told with figures. */
export function parseOrderSize(firstLine: string): Size | undefined {
  const [, cpus, memory] = /^# ([\d.e+-]+) ([\d.e+-]+)$/.exec(firstLine) ?? []
  return cpus === undefined ? undefined : { cpus: Number(cpus), memory: Number(memory) }
}
