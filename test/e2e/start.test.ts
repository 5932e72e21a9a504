import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

/** A start that is refused, and with what sentence. */
const refuse = (settings: Record<string, string>) =>
  refuseCommand(['serve'], { CLUSTERS_DATA_DIR: createFolder(), ...settings })

const WRONG: readonly [setting: string, allowed: string, ...values: string[]][] = [
  ['HOST', 'must be an address or host name', '-', 'my host', ''],
  ['PORT', 'must be a whole number from 0 to 65535', '65536', '80a', '-1', ''],
  ['DATA_DIR', 'must be the path of a folder', ''],
  ['DATABASE', 'must be sqlite:PATH or postgres://', 'mysql://localhost/clusters', 'sqlite:', 'postgres://'],
  ['ENGINE', 'must be one of local, slurm, none', 'slurmm', ''],
  ['LOG_LEVEL', 'must be one of fatal, error, warn, info', 'verbose', 'INFO'],
  ['TLS_CERT', 'must be the path of a PEM file', ''],
  ['TLS_KEY', 'must be the path of a PEM file', ''],
  ['TRUST_PROXY', 'must be a list of addresses or networks', 'proxy', '10.0.0.0/33', '10.0.0.5,', 'true'],
  ['ALLOWED_HOSTS', 'must be a list of host names', 'https://clusters.example.org', 'a:80', 'a,,b'],
  ['QUOTA_CLUSTERS', 'must be a whole number of clusters', '-1', '1.5', 'none'],
  ['QUOTA_CPUS', 'must be a number of CPUs', '-1', '1e3', 'Infinity'],
  ['QUOTA_MEMORY_GIB', 'must be a number of GiB', '-1', '64GiB'],
  ['RETENTION_DAYS', 'must be a whole number of days', '0', '36501', '30d'],
]

test.each(WRONG)(
  'a wrong CLUSTERS_%s is refused by name, with what it %s',
  async (setting, allowed, ...values) => {
    const name = `CLUSTERS_${setting}`
    const sentences = await Promise.all(values.map(value => refuse({ [name]: value })))
    for (const sentence of sentences) {
      expect(sentence).toContain(`${name} (environment)`)
      expect(sentence).toContain(allowed)
    }
  },
)

test('a wrong database URL is never repeated: it may hold a password', async () => {
  expect(await refuse({ CLUSTERS_DATABASE: 'postgre://me:s3cret@db/clusters' })).not.toContain('s3cret')
})

test('a setting that nobody knows is refused, with the one that was probably meant', async () => {
  const sentence = await refuse({ CLUSTERS_PROT: '80' })
  expect(sentence).toContain('CLUSTERS_PROT (environment) is not a setting of clusters')
  expect(sentence).toContain('did you mean CLUSTERS_PORT?')
  expect(await refuse({ CLUSTERS_XYZZY_PLUGH: '1' })).toContain('known are CLUSTERS_HOST, CLUSTERS_PORT')
})

test('a setting in small letters is refused, and the hint is the same in capitals', async () => {
  expect(await refuse({ CLUSTERS_port: '80' })).toContain('did you mean CLUSTERS_PORT?')
})

test("the client's CLUSTERS_URL and CLUSTERS_TOKEN are no business of the server", async () => {
  const server = await spawnServer({
    CLUSTERS_DATA_DIR: createFolder(),
    CLUSTERS_URL: 'http://elsewhere.example.org',
    CLUSTERS_TOKEN: 'clu_elsewhere',
  })
  expect((await server.stop()).code).toBe(0)
})

test('one TLS file without the other, or one that cannot be read, is refused', async () => {
  const missing = join(createFolder(), 'missing.pem')
  expect(await refuse({ CLUSTERS_TLS_CERT: missing })).toContain('CLUSTERS_TLS_KEY')
  expect(await refuse({ CLUSTERS_TLS_KEY: missing })).toContain('CLUSTERS_TLS_CERT')
  const sentence = await refuse({ CLUSTERS_TLS_CERT: missing, CLUSTERS_TLS_KEY: missing })
  expect(sentence).toContain(`CLUSTERS_TLS_CERT names ${missing}, which cannot be read (ENOENT)`)
})

test('TLS files that are no certificate and key are refused by name', async () => {
  const garbage = writeConfig('this is no PEM')
  const sentence = await refuse({ CLUSTERS_TLS_CERT: garbage, CLUSTERS_TLS_KEY: garbage })
  expect(sentence).toContain('CLUSTERS_TLS_')
})

/** Gives the path of a file with this content. */
function writeConfig(text: string): string {
  const path = join(createFolder(), 'clusters.yaml')
  writeFileSync(path, text)
  return path
}

test('a configuration file is refused when it is missing, no YAML, or no map', async () => {
  const missing = join(createFolder(), 'missing.yaml')
  expect(await refuse({ CLUSTERS_CONFIG: missing })).toContain(`CLUSTERS_CONFIG names ${missing}`)
  expect(await refuse({ CLUSTERS_CONFIG: createFolder() })).toContain('which cannot be read (EISDIR)')
  expect(await refuse({ CLUSTERS_CONFIG: writeConfig('port: [8000') })).toContain('which is no YAML')
  expect(await refuse({ CLUSTERS_CONFIG: writeConfig('- port') })).toContain('must be a map of settings')
})

test('a configuration file is refused for an unknown key or a wrong value, which it names with the file', async () => {
  const unknown = writeConfig('retention_day: 80\n')
  const sentence = await refuse({ CLUSTERS_CONFIG: unknown })
  expect(sentence).toContain(`retention_day (${unknown}) is not a setting`)
  expect(sentence).toContain('did you mean retention_days?')
  const wrong = writeConfig('retention_days: many\n')
  expect(await refuse({ CLUSTERS_CONFIG: wrong })).toContain(`retention_days (${wrong}) is "many"`)
  const kind = writeConfig('allowed_hosts:\n  a: b\n')
  expect(await refuse({ CLUSTERS_CONFIG: kind })).toContain('value of the wrong kind')
})

test('a configuration file sets what the environment does not; the environment wins', async () => {
  const [fromFile, fromEnvironment] = [createFolder(), createFolder()]
  const config = writeConfig(
    `# our server\nhost: localhost\nport: 1\nlog_level: silent\ndata_dir: ${fromFile}\nallowed_hosts: [a.example.org]\n`,
  )
  const settings = { CLUSTERS_CONFIG: config, CLUSTERS_DATA_DIR: fromEnvironment }
  const server = await spawnServer(settings)
  expect(server.url).toMatch(/^http:\/\/localhost:\d+$/)
  // Nobody may listen on port 1 of the file; the test's own CLUSTERS_PORT=0 took its place.
  expect(server.url).not.toMatch(/:1$/)
  expect((await runCommand(['user', 'list'], settings)).stderr).toContain('There are no users yet')
  expect((await runCommand(['user', 'list'], { CLUSTERS_CONFIG: config })).stderr).toContain(fromFile)
  expect((await server.stop()).code).toBe(0)
})
