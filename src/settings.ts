import { isIP } from 'node:net'
import type { PortRange } from './domain/runtime.ts'
import { LOCAL_SETTINGS } from './launchers/local/settings.ts'
import { SLURM_SETTINGS } from './launchers/slurm/settings.ts'
import { parseAmount, parseWhole, setting, type Setting, type ValuesOf } from './lib/setting.ts'
import { DEFAULT_PORT_RANGE } from './runtimes.ts'

/** Every setting: its default, what is allowed, and how its text is read. */

const ENGINES = ['local', 'slurm', 'none'] as const
export type Engine = (typeof ENGINES)[number]
/** Processes are watched by way of /proc, which Linux alone has. */
const DEFAULT_ENGINE: Engine = process.platform === 'linux' ? 'local' : 'none'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const SETTINGS = {
  host: setting({ default: '127.0.0.1', allowed: 'an address or host name to listen on', parse: parseHost }),
  port: setting({
    default: 8000,
    allowed: 'a whole number from 0 to 65535 (0: any free port)',
    parse: text => parseWhole(text, 0, 65_535),
  }),
  data_dir: setting({ default: 'data', allowed: 'the path of a folder', parse: text => text }),
  database: setting<string | undefined>({
    default: undefined,
    allowed: 'sqlite:PATH or postgres://USER@HOST/NAME, with @, / and ? in a password as %40, %2F and %3F',
    // A password that runs into the host would be looked up, and printed, as one.
    parse: text => (/^(sqlite:.+|postgres(ql)?:\/\/([^@/?#]*@)?[^@]+)$/.test(text) ? text : undefined),
  }),
  engine: setting<Engine>({
    default: DEFAULT_ENGINE,
    allowed: oneOf(ENGINES),
    parse: text => ENGINES.find(name => name === text),
  }),
  ...LOCAL_SETTINGS,
  ...SLURM_SETTINGS,
  scheduler_ports: setting<PortRange>({
    default: DEFAULT_PORT_RANGE,
    allowed: 'a range of at least 100 ports from 1024 on, such as 10000-29999',
    parse: parsePortRange,
  }),
  dask_python: setting({
    default: 'python3',
    allowed: 'the path of a Python that has the module distributed, or its name in PATH',
    parse: text => (/^[\x20-\x7e]{1,4096}$/.test(text) ? text : undefined),
  }),
  log_level: setting({
    default: 'info' as const,
    allowed: oneOf(LOG_LEVELS),
    parse: text => LOG_LEVELS.find(name => name === text),
  }),
  tls_cert: setting<string | undefined>({
    default: undefined,
    allowed: 'the path of a PEM file with the certificate',
    parse: text => text,
  }),
  tls_key: setting<string | undefined>({
    default: undefined,
    allowed: 'the path of a PEM file with the private key',
    parse: text => text,
  }),
  trust_proxy: setting<readonly string[]>({
    default: [],
    allowed: 'a list of addresses or networks, such as 10.0.0.5 or 10.0.0.0/8',
    parse: text => parseList(text, isNetwork),
  }),
  allowed_hosts: setting<readonly string[]>({
    default: [],
    allowed: 'a list of host names without ports, such as clusters.example.org',
    parse: text => parseList(text.toLowerCase(), isHostName),
  }),
  quota_clusters: setting<number | null>({
    default: null,
    allowed: 'a whole number of clusters, 0 or more, or unlimited',
    parse: text => (text === 'unlimited' ? null : parseWhole(text, 0, 1_000_000)),
  }),
  quota_cpus: setting<number | null>({
    default: null,
    allowed: 'a number of CPUs, 0 or more, or unlimited',
    parse: text => (text === 'unlimited' ? null : parseAmount(text)),
  }),
  quota_memory_gib: setting<number | null>({
    default: null,
    allowed: 'a number of GiB, 0 or more, or unlimited',
    parse: text => (text === 'unlimited' ? null : parseAmount(text)),
  }),
  price_core_hour: setting<number | undefined>({
    default: undefined,
    allowed: 'an amount such as 0.05',
    parse: parseAmount,
  }),
  price_gib_hour: setting<number | undefined>({
    default: undefined,
    allowed: 'an amount such as 0.01',
    parse: parseAmount,
  }),
  price_currency: setting({
    default: 'USD',
    allowed: 'three letters such as EUR',
    parse: text => (/^[A-Za-z]{3}$/.test(text) ? text.toUpperCase() : undefined),
  }),
  retention_days: setting({
    default: 30,
    allowed: 'a whole number of days from 1 to 36500',
    parse: text => parseWhole(text, 1, 36_500),
  }),
} as const

export type Key = keyof typeof SETTINGS
export type Values = ValuesOf<typeof SETTINGS>

/** The same, typed so that a setting keeps the type of its own value when its key is a variable. */
export const SETTINGS_BY_KEY: { readonly [K in Key]: Setting<Values[K]> } = SETTINGS

export function isKey(key: string): key is Key {
  return Object.hasOwn(SETTINGS, key)
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? words.join('') : `one of ${words.join(', ')}`
}

function parsePortRange(text: string): PortRange | undefined {
  const [, from = '', to = ''] = /^(\d{4,5})-(\d{4,5})$/.exec(text) ?? []
  const first = parseWhole(from, 1024, 65_535)
  const last = parseWhole(to, 1024, 65_535)
  return first === undefined || last === undefined || last - first < 99 ? undefined : { first, last }
}

function parseHost(text: string): string | undefined {
  return isIP(text) !== 0 || isHostName(text) ? text : undefined
}

function isHostName(text: string): boolean {
  return /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/.test(text)
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return prefix === undefined || parseWhole(prefix, 0, version === 4 ? 32 : 128) !== undefined
}

function parseList(text: string, isAllowed: (item: string) => boolean): string[] | undefined {
  const items = text.split(',').map(item => item.trim())
  return items.every(isAllowed) ? items : undefined
}
