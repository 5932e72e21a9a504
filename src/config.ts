import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'
import type { DatabaseLocation } from './database/open.ts'
import { OperatorError } from './domain/errors.ts'
import type { Quota } from './domain/quota.ts'
import { closestWord } from './lib/closest-word.ts'
import { errorCodeOf } from './lib/error-code.ts'
import { parseAmount, parseWhole, setting, type Setting, type ValuesOf } from './lib/setting.ts'
import { parseYaml } from './lib/yaml.ts'

const ENGINES = ['none'] as const
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export interface Config {
  readonly host: string
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  readonly database: DatabaseLocation
  readonly engine: (typeof ENGINES)[number]
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** Paths of PEM files. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  readonly trustProxy: readonly string[]
  readonly allowedHosts: readonly string[]
  /** What each user may have at once. */
  readonly quota: Quota
  /** How long an ended cluster can be looked up. */
  readonly retentionDays: number
}

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
  engine: setting({
    default: 'none' as const,
    allowed: oneOf(ENGINES),
    parse: text => ENGINES.find(name => name === text),
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
  retention_days: setting({
    default: 30,
    allowed: 'a whole number of days from 1 to 36500',
    parse: text => parseWhole(text, 1, 36_500),
  }),
} as const

type Key = keyof typeof SETTINGS
type Values = ValuesOf<typeof SETTINGS>

/** The same, typed so that a setting keeps the type of its own value when its key is a variable. */
const BY_KEY: { readonly [K in Key]: Setting<Values[K]> } = SETTINGS

const PREFIX = 'CLUSTERS_'
const CONFIG_FILE = 'CLUSTERS_CONFIG'
/** They belong to the command and the client, which may run in the same environment. */
const IGNORED = ['CLUSTERS_URL', 'CLUSTERS_TOKEN']

interface Given {
  readonly name: string
  readonly source: string
  readonly text: string
}

/**
 * Reads every setting from the environment and from the file that CLUSTERS_CONFIG names; the environment
 * wins. Throws an `OperatorError` of one sentence that names the setting, where it stands and what is allowed.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const inFile = readFile(env[CONFIG_FILE])
  // Also what the environment wins over: it would be found out on the day when the variable is gone.
  for (const [key, text] of inFile) readSetting(key, text)
  const given = new Map<Key, Given>([...inFile, ...readEnvironment(env)])
  const value = <K extends Key>(key: K) => readSetting(key, given.get(key))

  const dataDir = resolve(value('data_dir'))
  const database = value('database') ?? `sqlite:${join(dataDir, 'clusters.db')}`
  return Object.freeze({
    host: value('host'),
    port: value('port'),
    dataDir,
    database: toDatabaseLocation(database),
    engine: value('engine'),
    logLevel: value('log_level'),
    tls: toTls(value('tls_cert'), value('tls_key')),
    trustProxy: value('trust_proxy'),
    allowedHosts: value('allowed_hosts'),
    quota: Object.freeze({
      clusters: value('quota_clusters'),
      cpus: value('quota_cpus'),
      memory_gib: value('quota_memory_gib'),
    }),
    retentionDays: value('retention_days'),
  })
}

function readSetting<K extends Key>(key: K, given: Given | undefined): Values[K] {
  const { default: otherwise, allowed, parse } = BY_KEY[key]
  if (given === undefined) return otherwise
  const parsed = given.text === '' ? undefined : parse(given.text)
  if (parsed === undefined) {
    throw new OperatorError(
      `${given.name} (${given.source}) is ${quote(key, given.text)}; it must be ${allowed}.`,
    )
  }
  return parsed
}

/** A database's URL may hold a password. */
function quote(key: Key, text: string): string {
  if (text === '') return 'empty'
  return key === 'database' ? 'not understood' : JSON.stringify(text.slice(0, 100))
}

function environmentName(key: string): string {
  return PREFIX + key.toUpperCase()
}

function isKey(key: string): key is Key {
  return Object.hasOwn(SETTINGS, key)
}

function readEnvironment(env: Readonly<Record<string, string | undefined>>): [Key, Given][] {
  return Object.entries(env).flatMap(([name, text]): [Key, Given][] => {
    if (!name.startsWith(PREFIX) || text === undefined) return []
    if (name === CONFIG_FILE || IGNORED.includes(name)) return []
    const key = name.slice(PREFIX.length).toLowerCase()
    const source = 'environment'
    if (!isKey(key) || name !== environmentName(key)) {
      const known = [...Object.keys(SETTINGS).map(environmentName), CONFIG_FILE]
      throw new OperatorError(unknownSetting(name, source, known))
    }
    return [[key, { name, source, text }]]
  })
}

function readFile(path: string | undefined): [Key, Given][] {
  if (path === undefined) return []
  if (path === '') {
    throw new OperatorError(`${CONFIG_FILE} (environment) is empty; it must be the path of a YAML file.`)
  }
  const content = parseConfigFile(path)
  if (content === null || content === undefined) return []
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new OperatorError(
      `${CONFIG_FILE} names ${path}, which must be a map of settings, such as "port: 8000".`,
    )
  }
  return Object.entries(content).map(([key, value]: [string, unknown]): [Key, Given] => {
    if (!isKey(key)) throw new OperatorError(unknownSetting(key, path, Object.keys(SETTINGS)))
    const text = toText(value)
    if (text === undefined) {
      throw new OperatorError(
        `${key} (${path}) has a value of the wrong kind; it must be ${SETTINGS[key].allowed}.`,
      )
    }
    return [key, { name: key, source: path, text }]
  })
}

function parseConfigFile(path: string): unknown {
  const text = readText(CONFIG_FILE, path)
  try {
    return parseYaml(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    throw new OperatorError(`${CONFIG_FILE} names ${path}, which is no YAML: ${why}`)
  }
}

function unknownSetting(name: string, source: string, known: readonly string[]): string {
  // Without the prefix, which alone would make every name look close.
  const closestBare = closestWord(withoutPrefix(name), known.map(withoutPrefix))
  const closest = known.find(each => withoutPrefix(each) === closestBare)
  const hint = closest === undefined ? `known are ${known.join(', ')}` : `did you mean ${closest}?`
  return `${name} (${source}) is not a setting of clusters; ${hint}`
}

function withoutPrefix(name: string): string {
  return name.toUpperCase().replace(PREFIX, '')
}

/** Numbers, texts and lists of texts; anything else is `undefined`. */
function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value.join(',')
  return undefined
}

/** Reads a file that a setting names. Throws an `OperatorError` that names both. */
export function readText(settingName: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new OperatorError(`${settingName} names ${path}, which cannot be read (${errorCodeOf(error)}).`)
  }
}

function toDatabaseLocation(text: string): DatabaseLocation {
  return text.startsWith('sqlite:')
    ? { kind: 'sqlite', path: resolve(text.slice('sqlite:'.length)) }
    : { kind: 'postgres', url: text }
}

function toTls(certPath: string | undefined, keyPath: string | undefined): Config['tls'] {
  if (certPath === undefined && keyPath === undefined) return undefined
  if (certPath === undefined || keyPath === undefined) {
    throw new OperatorError('CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY go together: set both, or neither.')
  }
  return { certPath, keyPath }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether only this machine can reach a server on that host. */
export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version === 0
    ? host.toLowerCase() === 'localhost'
    : LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6')
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? words.join('') : `one of ${words.join(', ')}`
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
