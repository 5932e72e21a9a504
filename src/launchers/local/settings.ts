import { parseAmount, parseWhole, parseYesNo, setting } from '../../lib/setting.ts'

/** The settings of the engine `local`. */
export interface LocalSettings {
  /** Workers run as this user; `undefined`: as the server's own. */
  readonly user: string | undefined
  /** What all workers together may have; `undefined`: no bound. */
  readonly cpus: number | undefined
  readonly memoryGib: number | undefined
  /** Between SIGTERM and SIGKILL. */
  readonly graceSeconds: number
  /** Output that is kept, for each worker. */
  readonly logMib: number
  /** Of each worker, where the machine can hold it to that. */
  readonly maxProcesses: number
}

/** Their definitions, by their keys in the configuration. */
export const LOCAL_SETTINGS = {
  local_user: setting<string | undefined>({
    default: undefined,
    allowed: 'the name of a user of this machine',
    parse: text => (/^[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?$/.test(text) ? text : undefined),
  }),
  local_trust_users: setting({ default: false, allowed: 'yes or no', parse: parseYesNo }),
  local_cpus: setting<number | undefined>({
    default: undefined,
    allowed: 'a number of CPUs greater than 0',
    parse: parsePositive,
  }),
  local_memory_gib: setting<number | undefined>({
    default: undefined,
    allowed: 'an amount in GiB greater than 0',
    parse: parsePositive,
  }),
  local_grace_seconds: setting({
    default: 10,
    allowed: 'a whole number of seconds from 0 to 3600',
    parse: text => parseWhole(text, 0, 3600),
  }),
  local_log_mib: setting({
    default: 64,
    allowed: 'a whole number of MiB from 1 to 1048576',
    parse: text => parseWhole(text, 1, 1_048_576),
  }),
  local_max_processes: setting({
    default: 4096,
    allowed: 'a whole number from 1 to 4194304',
    parse: text => parseWhole(text, 1, 4_194_304),
  }),
} as const

function parsePositive(text: string): number | undefined {
  const amount = parseAmount(text)
  return amount !== undefined && amount > 0 ? amount : undefined
}
