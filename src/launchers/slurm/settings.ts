import { OperatorError } from '../../domain/errors.ts'
import { parseWhole, parseYesNo, setting } from '../../lib/setting.ts'

/** What jobs are submitted with; `undefined`: as Slurm itself has it. */
export interface JobSettings {
  readonly partition: string | undefined
  readonly account: string | undefined
  readonly qos: string | undefined
  /** Of each worker; a cluster's own lifetime may be shorter. */
  readonly timeLimitMinutes: number | undefined
  /** More options of sbatch, each a word. */
  readonly flags: readonly string[]
}

/** The settings of the engine `slurm`. */
export interface SlurmSettings extends JobSettings {
  /** By runtime, what differs. */
  readonly byRuntime: ReadonlyMap<string, Partial<JobSettings>>
  /** Output that is kept, for each worker. */
  readonly logMib: number
}

export function settingsFor(settings: SlurmSettings, runtime: string): JobSettings {
  return { ...settings, ...settings.byRuntime.get(runtime) }
}

/** Their definitions, by their keys in the configuration. */
export const SLURM_SETTINGS = {
  slurm_folder: setting<string | undefined>({
    default: undefined,
    allowed: 'the path of a folder on a file system that all nodes share',
    parse: text => text,
  }),
  slurm_trust_users: setting({ default: false, allowed: 'yes or no', parse: parseYesNo }),
  slurm_partition: setting<string | undefined>({
    default: undefined,
    allowed: 'the name of a partition, or several with commas',
    parse: parseName,
  }),
  slurm_account: setting<string | undefined>({
    default: undefined,
    allowed: 'the name of an account',
    parse: parseName,
  }),
  slurm_qos: setting<string | undefined>({
    default: undefined,
    allowed: 'the name of a quality of service',
    parse: parseName,
  }),
  slurm_time_limit_minutes: setting<number | undefined>({
    default: undefined,
    allowed: 'a whole number of minutes from 1 to 525600',
    parse: text => parseWhole(text, 1, 525_600),
  }),
  slurm_flags: setting<readonly string[]>({
    default: [],
    allowed:
      'options of sbatch with spaces between them, such as "--constraint=skylake --gres=gpu:1", and none of those that clusters sets itself',
    parse: parseFlags,
  }),
  slurm_log_mib: setting({
    default: 64,
    allowed: 'a whole number of MiB from 1 to 1048576',
    parse: text => parseWhole(text, 1, 1_048_576),
  }),
} as const

/** The settings of a runtime, by their keys below it in `slurm_runtimes`. */
const JOB_SETTINGS = {
  partition: { key: 'partition', setting: SLURM_SETTINGS.slurm_partition },
  account: { key: 'account', setting: SLURM_SETTINGS.slurm_account },
  qos: { key: 'qos', setting: SLURM_SETTINGS.slurm_qos },
  time_limit_minutes: { key: 'timeLimitMinutes', setting: SLURM_SETTINGS.slurm_time_limit_minutes },
  flags: { key: 'flags', setting: SLURM_SETTINGS.slurm_flags },
} as const

/** `slurm_runtimes` of the file at `source`. Throws an `OperatorError` that names the field. */
export function parseJobSettings(content: unknown, source: string): Map<string, Partial<JobSettings>> {
  const byRuntime = new Map<string, Partial<JobSettings>>()
  for (const [runtime, given] of listEntries(content, 'slurm_runtimes', source)) {
    const fields = listEntries(given, `slurm_runtimes.${runtime}`, source).map(([name, value]) => {
      const path = `slurm_runtimes.${runtime}.${name}`
      const known = Object.entries(JOB_SETTINGS).find(([each]) => each === name)?.[1]
      if (known === undefined) {
        const names = Object.keys(JOB_SETTINGS).join(', ')
        throw new OperatorError(`${path} (${source}) is not a setting of jobs; known are ${names}.`)
      }
      const parsed = known.setting.parse(Array.isArray(value) ? value.join(' ') : String(value))
      if (parsed === undefined) {
        throw new OperatorError(`${path} (${source}) must be ${known.setting.allowed}.`)
      }
      return [known.key, parsed] as const
    })
    byRuntime.set(runtime, Object.fromEntries(fields))
  }
  return byRuntime
}

function listEntries(content: unknown, path: string, source: string): [string, unknown][] {
  if (typeof content === 'object' && content !== null && !Array.isArray(content))
    return Object.entries(content)
  throw new OperatorError(`${path} (${source}) must be a map.`)
}

/** It becomes a word of a command line, and must not be taken for an option. */
function parseName(text: string): string | undefined {
  return /^[A-Za-z0-9_][A-Za-z0-9_.,@+-]{0,254}$/.test(text) ? text : undefined
}

/** What would lose workers, or have them run twice. */
const OWN_OPTIONS = [
  'array job-name comment export export-file get-user-env output error input open-mode parsable',
  'quiet requeue no-requeue wrap wait test-only chdir ntasks nodes cpus-per-task mem mem-per-cpu',
  'time partition account qos clusters dependency begin hold uid gid help usage version ignore-pbs',
].flatMap(line => line.split(' '))

function parseFlags(text: string): string[] | undefined {
  const flags = text.split(/\s+/).filter(flag => flag !== '')
  return flags.every(isAllowedFlag) ? flags : undefined
}

function isAllowedFlag(flag: string): boolean {
  const name = /^--([a-z][a-z0-9-]*)(=[\x21-\x7e]+)?$/.exec(flag)?.[1]
  // sbatch takes the beginning of an option's name for the whole.
  return name !== undefined && !OWN_OPTIONS.some(own => own === name || own.startsWith(name))
}

/** All partitions that jobs may go to, as the settings name them; `undefined`: Slurm's own. */
export function listPartitions(settings: SlurmSettings): (string | undefined)[] {
  return [
    settings.partition,
    ...[...settings.byRuntime.values()].flatMap(each => ('partition' in each ? [each.partition] : [])),
  ]
}
