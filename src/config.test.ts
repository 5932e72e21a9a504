import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isLoopback, loadConfig } from './config.ts'
import { OperatorError } from './domain/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'clusters-config-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
function writeFile(text: string): string {
  files += 1
  const path = join(folder, `clusters-${files}.yaml`)
  writeFileSync(path, text)
  return path
}

/** The one sentence of the refusal; fails when there is none. */
function refusalOf(env: Record<string, string>): string {
  try {
    loadConfig(env)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    expect(error.message).not.toContain('\n')
    return error.message
  }
  throw new Error('it was not refused')
}

const LOCAL_DEFAULTS = {
  ...{ user: undefined, trustUsers: false, cpus: undefined, memoryGib: undefined },
  ...{ graceSeconds: 10, logMib: 64, maxProcesses: 4096 },
}

const SLURM_DEFAULTS = {
  ...{ trustUsers: false, partition: undefined, account: undefined, qos: undefined },
  ...{ timeLimitMinutes: undefined, flags: [], byRuntime: new Map(), logMib: 64 },
}

test('every setting has a default that works on one’s own machine', () => {
  expect(loadConfig({})).toEqual({
    host: '127.0.0.1',
    port: 8000,
    dataDir: resolve('data'),
    database: { kind: 'sqlite', path: resolve('data/clusters.db') },
    // Processes are watched by way of /proc.
    engine: process.platform === 'linux' ? 'local' : 'none',
    local: LOCAL_DEFAULTS,
    slurm: { ...SLURM_DEFAULTS, folder: resolve('data/slurm') },
    schedulerPorts: { first: 10_000, last: 29_999 },
    daskPython: 'python3',
    runtimes: [],
    logLevel: 'info',
    tls: undefined,
    trustProxy: [],
    allowedHosts: [],
    quota: { clusters: null, cpus: null, memory_gib: null },
    price: undefined,
    retentionDays: 30,
  })
})

test('reads every setting from the environment', () => {
  const config = loadConfig({
    CLUSTERS_HOST: '::1',
    CLUSTERS_PORT: '0',
    CLUSTERS_DATA_DIR: '/srv/clusters',
    CLUSTERS_DATABASE: 'postgres://me:secret@db/clusters',
    CLUSTERS_ENGINE: 'none',
    CLUSTERS_LOCAL_USER: 'nobody',
    CLUSTERS_LOCAL_TRUST_USERS: 'yes',
    CLUSTERS_LOCAL_CPUS: '7.5',
    CLUSTERS_LOCAL_MEMORY_GIB: '30',
    CLUSTERS_LOCAL_GRACE_SECONDS: '0',
    CLUSTERS_LOCAL_LOG_MIB: '1',
    CLUSTERS_LOCAL_MAX_PROCESSES: '100',
    CLUSTERS_SLURM_FOLDER: '/shared/clusters',
    CLUSTERS_SLURM_TRUST_USERS: 'yes',
    CLUSTERS_SLURM_PARTITION: 'main,long',
    CLUSTERS_SLURM_ACCOUNT: 'lab',
    CLUSTERS_SLURM_QOS: 'normal',
    CLUSTERS_SLURM_TIME_LIMIT_MINUTES: '1440',
    CLUSTERS_SLURM_FLAGS: ' --constraint=skylake  --gres=gpu:1 --exclusive',
    CLUSTERS_SLURM_LOG_MIB: '8',
    CLUSTERS_SCHEDULER_PORTS: '8700-8999',
    CLUSTERS_DASK_PYTHON: '/opt/dask/bin/python',
    CLUSTERS_PRICE_CORE_HOUR: '0.05',
    CLUSTERS_PRICE_GIB_HOUR: '0.01',
    CLUSTERS_PRICE_CURRENCY: 'eur',
    CLUSTERS_LOG_LEVEL: 'warn',
    CLUSTERS_TLS_CERT: '/cert.pem',
    CLUSTERS_TLS_KEY: '/key.pem',
    CLUSTERS_TRUST_PROXY: '10.0.0.5, 10.0.0.0/8,fd00::/8',
    CLUSTERS_ALLOWED_HOSTS: 'Clusters.example.org,other',
    CLUSTERS_QUOTA_CLUSTERS: '3',
    CLUSTERS_QUOTA_CPUS: '0.5',
    CLUSTERS_QUOTA_MEMORY_GIB: 'unlimited',
    CLUSTERS_RETENTION_DAYS: '1',
  })
  expect(config).toEqual({
    host: '::1',
    port: 0,
    dataDir: '/srv/clusters',
    database: { kind: 'postgres', url: 'postgres://me:secret@db/clusters' },
    engine: 'none',
    local: {
      ...{ user: 'nobody', trustUsers: true, cpus: 7.5, memoryGib: 30 },
      ...{ graceSeconds: 0, logMib: 1, maxProcesses: 100 },
    },
    slurm: {
      ...{
        folder: '/shared/clusters',
        trustUsers: true,
        partition: 'main,long',
        account: 'lab',
        qos: 'normal',
      },
      flags: ['--constraint=skylake', '--gres=gpu:1', '--exclusive'],
      ...{ timeLimitMinutes: 1440, byRuntime: new Map(), logMib: 8 },
    },
    schedulerPorts: { first: 8700, last: 8999 },
    daskPython: '/opt/dask/bin/python',
    runtimes: [],
    logLevel: 'warn',
    tls: { certPath: '/cert.pem', keyPath: '/key.pem' },
    trustProxy: ['10.0.0.5', '10.0.0.0/8', 'fd00::/8'],
    allowedHosts: ['clusters.example.org', 'other'],
    quota: { clusters: 3, cpus: 0.5, memory_gib: null },
    price: { coreHour: 0.05, gibHour: 0.01, currency: 'EUR' },
    retentionDays: 1,
  })
})

test('reads the file that CLUSTERS_CONFIG names: numbers, texts and lists', () => {
  const path = writeFile(
    'port: 9000\nhost: localhost\nallowed_hosts: [a.example, b.example]\nquota_cpus: 2.5\n',
  )
  expect(loadConfig({ CLUSTERS_CONFIG: path })).toMatchObject({
    port: 9000,
    host: 'localhost',
    allowedHosts: ['a.example', 'b.example'],
    quota: { clusters: null, cpus: 2.5, memory_gib: null },
  })
})

test('the environment wins over the file, setting by setting', () => {
  const path = writeFile('port: 9000\nretention_days: 7\n')
  const config = loadConfig({ CLUSTERS_CONFIG: path, CLUSTERS_PORT: '9001' })
  expect(config).toMatchObject({ port: 9001, retentionDays: 7 })
})

test('an empty file, or one of comments, sets nothing', () => {
  for (const text of ['', '# nothing\n', '---\n']) {
    expect(loadConfig({ CLUSTERS_CONFIG: writeFile(text) })).toEqual(loadConfig({}))
  }
})

test('looks at no variable that is not its own, nor at the client’s', () => {
  const env = { PATH: '/bin', CLUSTER_PORT: 'x', CLUSTERS_URL: 'http://x', CLUSTERS_TOKEN: 'clu_x' }
  expect(loadConfig(env)).toEqual(loadConfig({}))
})

test('is frozen: nobody changes a setting later', () => {
  const config = loadConfig({})
  expect([config, config.quota, config.slurm].map(Object.isFrozen)).toEqual([true, true, true])
})

test('the database lies in the data folder unless it is given', () => {
  const databaseOf = (env: Record<string, string>) => loadConfig(env).database
  expect(databaseOf({ CLUSTERS_DATA_DIR: '/srv' })).toEqual({ kind: 'sqlite', path: '/srv/clusters.db' })
  expect(databaseOf({ CLUSTERS_DATABASE: 'sqlite:/x/y.db' })).toEqual({ kind: 'sqlite', path: '/x/y.db' })
})

/** Each setting, a wrong text, and what is allowed. */
const WRONG: readonly (readonly [string, string, string])[] = [
  ['host', 'a b', 'an address or host name to listen on'],
  ['host', 'http://localhost', 'an address or host name to listen on'],
  ['port', 'http', 'a whole number from 0 to 65535 (0: any free port)'],
  ['port', '65536', 'a whole number from 0 to 65535 (0: any free port)'],
  ['port', '-1', 'a whole number from 0 to 65535 (0: any free port)'],
  ['port', '80.5', 'a whole number from 0 to 65535 (0: any free port)'],
  ['port', ' 80', 'a whole number from 0 to 65535 (0: any free port)'],
  ['engine', 'slurmm', 'one of local, slurm, none'],
  ['log_level', 'verbose', 'one of fatal, error, warn, info, debug, trace, silent'],
  ['log_level', 'INFO', 'one of fatal, error, warn, info, debug, trace, silent'],
  ['trust_proxy', 'true', 'a list of addresses or networks, such as 10.0.0.5 or 10.0.0.0/8'],
  ['trust_proxy', '10.0.0.0/33', 'a list of addresses or networks, such as 10.0.0.5 or 10.0.0.0/8'],
  ['trust_proxy', '10.0.0.1,', 'a list of addresses or networks, such as 10.0.0.5 or 10.0.0.0/8'],
  ['allowed_hosts', 'a.example:80', 'a list of host names without ports, such as clusters.example.org'],
  ['allowed_hosts', '*', 'a list of host names without ports, such as clusters.example.org'],
  ['quota_clusters', '1.5', 'a whole number of clusters, 0 or more, or unlimited'],
  ['quota_clusters', 'none', 'a whole number of clusters, 0 or more, or unlimited'],
  ['quota_cpus', '-1', 'a number of CPUs, 0 or more, or unlimited'],
  ['quota_cpus', '1e3', 'a number of CPUs, 0 or more, or unlimited'],
  ['quota_cpus', 'NaN', 'a number of CPUs, 0 or more, or unlimited'],
  ['quota_memory_gib', '8 GiB', 'a number of GiB, 0 or more, or unlimited'],
  ['price_core_hour', '-1', 'an amount such as 0.05'],
  ['price_currency', '€', 'three letters such as EUR'],
  ['quota_memory_gib', 'Infinity', 'a number of GiB, 0 or more, or unlimited'],
  ['retention_days', '0', 'a whole number of days from 1 to 36500'],
  ['retention_days', 'thirty', 'a whole number of days from 1 to 36500'],
]

test.each(WRONG)(
  '%s "%s" in the environment is one sentence with name, source and what is allowed',
  (key, text, allowed) => {
    const name = `CLUSTERS_${key.toUpperCase()}`
    expect(refusalOf({ [name]: text })).toBe(`${name} (environment) is "${text}"; it must be ${allowed}.`)
  },
)

test.each(WRONG)(
  '%s "%s" in the file is one sentence with name, source and what is allowed',
  (key, text, allowed) => {
    const path = writeFile(`${key}: ${JSON.stringify(text)}\n`)
    expect(refusalOf({ CLUSTERS_CONFIG: path })).toBe(`${key} (${path}) is "${text}"; it must be ${allowed}.`)
  },
)

const KEYS = [
  'host',
  'port',
  'data_dir',
  'database',
  'engine',
  'log_level',
  'tls_cert',
  'tls_key',
  'trust_proxy',
].concat([
  ...['price_core_hour', 'price_gib_hour', 'price_currency'],
  ...['allowed_hosts', 'quota_clusters', 'quota_cpus', 'quota_memory_gib', 'retention_days'],
])

test.each(KEYS)('an empty %s is refused, not taken for the default', key => {
  const name = `CLUSTERS_${key.toUpperCase()}`
  expect(refusalOf({ [name]: '' })).toMatch(
    new RegExp(`^${name} \\(environment\\) is empty; it must be .+\\.$`),
  )
})

test.each(KEYS)('a %s that is a map in the file is refused', key => {
  const path = writeFile(`${key}: { a: 1 }\n`)
  expect(refusalOf({ CLUSTERS_CONFIG: path })).toMatch(/ has a value of the wrong kind; it must be .+\.$/)
})

test('a wrong file is refused even where the environment wins', () => {
  const path = writeFile('unknown: 1\n')
  expect(refusalOf({ CLUSTERS_CONFIG: path, CLUSTERS_PORT: '1' })).toContain('unknown')
})

test.each([
  ['environment', { CLUSTERS_DATABASE: 'mysql://me:swordfish@db/x' }],
  ['environment, with a typo', { CLUSTERS_DATABASE: 'postgre://me:swordfish@db/x' }],
  ['file', { CLUSTERS_CONFIG: writeFile('database: mysql://me:swordfish@db/x\n') }],
  ['with a slash in it', { CLUSTERS_DATABASE: 'postgres://me:salt/swordfish@db/x' }],
  ['with an @ in it', { CLUSTERS_DATABASE: 'postgres://me:salt@swordfish@db/x' }],
])('never shows the password of a database (%s)', (_name, env) => {
  const sentence = refusalOf(env)
  expect(sentence).not.toContain('swordfish')
  expect(sentence).toContain(
    'is not understood; it must be sqlite:PATH or postgres://USER@HOST/NAME, with @,',
  )
})

test('never shows the password of a database in a file that is no YAML', () => {
  const path = writeFile('port: 80\ndatabase: "postgres://me:swordfish@db/x\n')
  expect(refusalOf({ CLUSTERS_CONFIG: path })).not.toContain('swordfish')
})

test.each([
  [
    { CLUSTERS_PROT: '1' },
    'CLUSTERS_PROT (environment) is not a setting of clusters; did you mean CLUSTERS_PORT?',
  ],
  [{ CLUSTERS_quota_cpus: '1' }, 'CLUSTERS_quota_cpus (environment) is not a setting of clusters'],
  [{ CLUSTERS_CONSTRUCTOR: '1' }, 'CLUSTERS_CONSTRUCTOR (environment) is not a setting of clusters'],
  [{ CLUSTERS___PROTO__: '1' }, 'CLUSTERS___PROTO__ (environment) is not a setting of clusters'],
  [{ CLUSTERS_: '1' }, 'CLUSTERS_ (environment) is not a setting of clusters'],
])('refuses what is no setting: %j', (env, sentence) => {
  expect(refusalOf(env)).toContain(sentence)
})

test('a long text is cut off', () => {
  expect(refusalOf({ CLUSTERS_HOST: `${'x'.repeat(5000)} ` }).length).toBeLessThan(300)
})

test('refuses what is no setting in the file, with a hint', () => {
  const path = writeFile('ports: 1\n')
  expect(refusalOf({ CLUSTERS_CONFIG: path })).toBe(
    `ports (${path}) is not a setting of clusters; did you mean port?`,
  )
})

test.each([
  ['a list', '- port\n', /must be a map of settings/],
  ['a text', 'port\n', /must be a map of settings/],
  ['no YAML', 'port: [1\n', /is no YAML/],
  ['the same setting twice', 'port: 1\nport: 2\n', /is no YAML/],
])('refuses a file that is %s', (_name, text, sentence) => {
  expect(refusalOf({ CLUSTERS_CONFIG: writeFile(text) })).toMatch(sentence)
})

test('refuses a file that cannot be read, and says why', () => {
  expect(refusalOf({ CLUSTERS_CONFIG: '/nowhere/clusters.yaml' })).toBe(
    'CLUSTERS_CONFIG names /nowhere/clusters.yaml, which cannot be read (ENOENT).',
  )
})

test('refuses one half of TLS', () => {
  for (const env of [{ CLUSTERS_TLS_CERT: 'a' }, { CLUSTERS_TLS_KEY: 'a' }]) {
    expect(refusalOf(env)).toBe('CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY go together: set both, or neither.')
  }
})

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['localhost.example.org', false],
])('only this machine reaches a server on %s: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})
