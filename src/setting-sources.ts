import { readFileSync } from 'node:fs'
import { OperatorError } from './domain/errors.ts'
import { closestWord } from './lib/closest-word.ts'
import { errorCodeOf } from './lib/error-code.ts'
import { parseYaml } from './lib/yaml.ts'
import { isKey, SETTINGS_BY_KEY, type Key, type Values } from './settings.ts'

/** Where settings are given: the environment, and the file that CLUSTERS_CONFIG names. */

const PREFIX = 'CLUSTERS_'
const CONFIG_FILE = 'CLUSTERS_CONFIG'
/** They belong to the command and the client, which may run in the same environment. */
const IGNORED = ['CLUSTERS_URL', 'CLUSTERS_TOKEN']
/** Maps and no texts, so that they stand in the file alone. */
const MAPS = ['runtimes', 'slurm_runtimes'] as const
type MapKey = (typeof MAPS)[number]

export type Environment = Readonly<Record<string, string | undefined>>

interface Given {
  readonly name: string
  readonly source: string
  readonly text: string
}

/** All that was given; what was not has its default. */
export interface GivenSettings {
  readonly value: <K extends Key>(key: K) => Values[K]
  readonly runtimes: GivenMap | undefined
  readonly slurmRuntimes: GivenMap | undefined
}

/** As the file has it, with the file's path. */
interface GivenMap {
  readonly content: unknown
  readonly source: string
}

/** The environment wins over the file. Throws an `OperatorError`. */
export function readSettings(env: Environment): GivenSettings {
  const { settings, maps } = readFile(env[CONFIG_FILE])
  // Also what the environment wins over: it would be found out on the day when the variable is gone.
  for (const [key, text] of settings) readSetting(key, text)
  const given = new Map<Key, Given>([...settings, ...readEnvironment(env)])
  return {
    value: key => readSetting(key, given.get(key)),
    runtimes: maps.get('runtimes'),
    slurmRuntimes: maps.get('slurm_runtimes'),
  }
}

function readSetting<K extends Key>(key: K, given: Given | undefined): Values[K] {
  const { default: otherwise, allowed, parse } = SETTINGS_BY_KEY[key]
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

function readEnvironment(env: Environment): [Key, Given][] {
  return Object.entries(env).flatMap(([name, text]): [Key, Given][] => {
    if (!name.startsWith(PREFIX) || text === undefined) return []
    if (name === CONFIG_FILE || IGNORED.includes(name)) return []
    const key = name.slice(PREFIX.length).toLowerCase()
    const source = 'environment'
    if (!isKey(key) || name !== environmentName(key)) {
      const known = [...Object.keys(SETTINGS_BY_KEY).map(environmentName), CONFIG_FILE]
      throw new OperatorError(unknownSetting(name, source, known))
    }
    return [[key, { name, source, text }]]
  })
}

interface FileContent {
  readonly settings: [Key, Given][]
  readonly maps: ReadonlyMap<MapKey, GivenMap>
}

const NO_FILE: FileContent = { settings: [], maps: new Map() }

function readFile(path: string | undefined): FileContent {
  if (path === undefined) return NO_FILE
  if (path === '') {
    throw new OperatorError(`${CONFIG_FILE} (environment) is empty; it must be the path of a YAML file.`)
  }
  const content = parseConfigFile(path)
  if (content === null || content === undefined) return NO_FILE
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new OperatorError(
      `${CONFIG_FILE} names ${path}, which must be a map of settings, such as "port: 8000".`,
    )
  }
  const entries: [string, unknown][] = Object.entries(content)
  const maps = new Map<MapKey, GivenMap>()
  const settings = entries.flatMap(([key, value]): [Key, Given][] => {
    const map = MAPS.find(each => each === key)
    if (map !== undefined) {
      maps.set(map, { content: value, source: path })
      return []
    }
    if (!isKey(key)) {
      throw new OperatorError(unknownSetting(key, path, [...Object.keys(SETTINGS_BY_KEY), ...MAPS]))
    }
    const text = toText(value)
    if (text === undefined) {
      throw new OperatorError(
        `${key} (${path}) has a value of the wrong kind; it must be ${SETTINGS_BY_KEY[key].allowed}.`,
      )
    }
    return [[key, { name: key, source: path, text }]]
  })
  return { settings, maps }
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
