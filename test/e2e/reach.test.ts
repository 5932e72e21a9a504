import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Caller } from '../support/caller.ts'
import { createFolder, logInAs, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

const OWN_PASSWORD = 'a password of her own'
const SAMPLE_USERS = { sampleUsers: true }

const setPassword = (username: string, settings: Record<string, string>) =>
  runCommand(['user', 'passwd', username], settings, `${OWN_PASSWORD}\n`)

const modeOf = (path: string) => statSync(path).mode & 0o777

test('behind a proxy, a server does not start while a sample user has the sample password, also on loopback', async () => {
  const data = { CLUSTERS_DATA_DIR: createFolder() }
  const behindProxy = { ...data, CLUSTERS_TRUST_PROXY: '127.0.0.1', CLUSTERS_PORT: '0' }
  const command = ['serve', '--sample-users']
  const sentence = await refuseCommand(command, behindProxy)
  expect(sentence).toContain('CLUSTERS_TRUST_PROXY is 127.0.0.1')
  expect(sentence).toContain('the sample user alice')
  expect(sentence).toContain('clusters user passwd alice')

  expect((await setPassword('alice', data)).code).toBe(0)
  expect(await refuseCommand(command, behindProxy)).toContain('the sample user betty')

  expect((await runCommand(['user', 'disable', 'betty'], data)).code).toBe(0)
  const server = await spawnServer(behindProxy, SAMPLE_USERS)
  expect(server.readyLine).toBe(`clusters serves on ${server.url}`)
  await logInAs(server.url, 'alice', OWN_PASSWORD)
  expect((await server.stop()).code).toBe(0)
})

test('it is the password that counts, and not how it is stored: after a login it is refused just so', async () => {
  const data = { CLUSTERS_DATA_DIR: createFolder() }
  const server = await spawnServer(data, SAMPLE_USERS)
  // Now her password is stored as argon2id.
  await logInAs(server.url, 'betty', 'hunter2')
  await server.stop()
  await runCommand(['user', 'disable', 'alice'], data)
  const behindProxy = { ...data, CLUSTERS_TRUST_PROXY: '10.0.0.0/8', CLUSTERS_PORT: '0' }
  expect(await refuseCommand(['serve'], behindProxy)).toContain('the sample user betty')
})

test('the start line names those sample users who still have the sample password', async () => {
  const data = { CLUSTERS_DATA_DIR: createFolder() }
  const startLine = async () => {
    const server = await spawnServer(data, SAMPLE_USERS)
    await server.stop()
    return server.readyLine.replace(server.url, 'URL')
  }
  expect(await startLine()).toBe('clusters serves on URL; log in as alice or betty, password hunter2')
  await setPassword('alice', data)
  expect(await startLine()).toBe('clusters serves on URL; log in as betty, password hunter2')
  await runCommand(['user', 'disable', 'betty'], data)
  expect(await startLine()).toBe('clusters serves on URL')
  await runCommand(['user', 'enable', 'betty'], data)
  expect(await startLine()).toBe('clusters serves on URL; log in as betty, password hunter2')
  await setPassword('betty', data)
  expect(await startLine()).toBe('clusters serves on URL')
})

/** A data folder as `mkdir` makes it, open to others. */
function createOpenFolder(): string {
  const folder = join(createFolder(), 'data')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  return folder
}

test('a data folder that is open to others and holds another file is refused, and left as it was', async () => {
  const folder = createOpenFolder()
  writeFileSync(join(folder, 'diary.txt'), 'do not touch')
  for (const command of [['serve'], ['user', 'list']]) {
    const sentence = await refuseCommand(command, { CLUSTERS_DATA_DIR: folder })
    expect(sentence).toContain(`The data folder ${folder} is open to other users`)
    expect(sentence).toContain('diary.txt')
    expect(sentence).toContain(`chmod 700 ${folder}`)
    expect(modeOf(folder)).toBe(0o755)
    expect(readdirSync(folder)).toEqual(['diary.txt'])
  }
  // What the sentence says does help.
  chmodSync(folder, 0o700)
  const server = await spawnServer({ CLUSTERS_DATA_DIR: folder })
  await server.stop()
  expect(readFileSync(join(folder, 'diary.txt'), 'utf8')).toBe('do not touch')
})

test('a data folder that is open to others is closed to them when it is empty, or holds the database alone', async () => {
  const folder = createOpenFolder()
  const settings = { CLUSTERS_DATA_DIR: folder }
  const server = await spawnServer(settings)
  expect(modeOf(folder)).toBe(0o700)
  await server.stop()

  chmodSync(folder, 0o755)
  expect((await runCommand(['user', 'list'], settings)).code).toBe(0)
  expect(modeOf(folder)).toBe(0o700)
})

test('a data folder whose database lies elsewhere is not closed while it holds anything', async () => {
  const folder = createOpenFolder()
  writeFileSync(join(folder, 'clusters.db'), '')
  const elsewhere = { CLUSTERS_DATA_DIR: folder, CLUSTERS_DATABASE: `sqlite:${createFolder()}/clusters.db` }
  expect(await refuseCommand(['serve'], elsewhere)).toContain('is open to other users')
  expect(modeOf(folder)).toBe(0o755)
})

test('a data folder that is a file is refused, and the file left as it was', async () => {
  const file = join(createFolder(), 'file')
  writeFileSync(file, 'do not touch')
  chmodSync(file, 0o644)
  for (const command of [['serve'], ['user', 'list']]) {
    expect(await refuseCommand(command, { CLUSTERS_DATA_DIR: file })).toBe(
      `clusters: CLUSTERS_DATA_DIR is ${file}, which is not a folder.\n`,
    )
  }
  expect(readFileSync(file, 'utf8')).toBe('do not touch')
  expect(modeOf(file)).toBe(0o644)
})

/** Requests under way get so long (STOP_GRACE_MS of src/api/listen.ts). */
const STOP_GRACE_MS = 10_000

test('a connection that never sent anything does not hold up the end', async () => {
  const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() })
  const { hostname, port } = new URL(server.url)
  const silent = connect(Number(port), hostname)
  onTestFinished(() => {
    silent.destroy()
  })
  // The server may well cut it off.
  silent.on('error', () => undefined)
  await once(silent, 'connect')
  // It comes in after the other, so by then the server knows both.
  expect((await new Caller({ url: server.url }).get('/healthz')).status).toBe(200)
  const startedAt = performance.now()
  expect(await server.stop()).toMatchObject({ code: 0, signal: null })
  expect(performance.now() - startedAt, 'ms to the end').toBeLessThan(STOP_GRACE_MS)
})

/** A port on which nobody listens. */
async function findUnusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Put together, so that each of them shows which part was printed. */
const PARTS = ['tulip', 'walnut', 'saffron', 'pewter']

test.each([
  ['@', PARTS.join('@')],
  ['/', PARTS.join('/')],
  ['?', PARTS.join('?')],
  ['#', PARTS.join('#')],
  [':', PARTS.join(':')],
  ['%', PARTS.join('%')],
  ['@, / and ?', `${PARTS[0]}@${PARTS[1]}/${PARTS[2]}?${PARTS[3]}`],
  ['digits and /', `2468/${PARTS.join('/')}`],
  ['digits and ?', `2468?${PARTS.join('?')}`],
  ['/, ? and @', `${PARTS[0]}/${PARTS[1]}?${PARTS[2]}@${PARTS[3]}`],
])('no part of a password of a database is ever printed, with %s in it', async (_what, password) => {
  const port = await findUnusedPort()
  const database = `postgres://me:${password}@127.0.0.1:${port}/clusters`
  for (const command of [['serve'], ['user', 'list']]) {
    const sentence = await refuseCommand(command, {
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_DATABASE: database,
    })
    for (const part of PARTS) expect(sentence).not.toContain(part)
  }
})

test('a CLUSTERS_CONFIG that is empty is refused, not taken for none', async () => {
  const data = join(createFolder(), 'data')
  for (const command of [['serve'], ['user', 'list']]) {
    expect(await refuseCommand(command, { CLUSTERS_DATA_DIR: data, CLUSTERS_CONFIG: '' })).toBe(
      'clusters: CLUSTERS_CONFIG (environment) is empty; it must be the path of a YAML file.\n',
    )
  }
  expect(existsSync(data)).toBe(false)
})

test('a wrong value in the file is refused even when a variable overrides it', async () => {
  const folder = createFolder()
  const config = join(folder, 'clusters.yaml')
  writeFileSync(config, 'port: eighty\n')
  const data = join(folder, 'data')
  const settings = { CLUSTERS_DATA_DIR: data, CLUSTERS_CONFIG: config, CLUSTERS_PORT: '0' }
  for (const command of [['serve'], ['user', 'list']]) {
    const sentence = await refuseCommand(command, settings)
    expect(sentence).toContain(`port (${config}) is "eighty"; it must be a whole number`)
  }
  expect(existsSync(data)).toBe(false)

  writeFileSync(config, 'port: 80\n')
  const server = await spawnServer(settings)
  expect(new URL(server.url).port, 'the variable wins').not.toBe('')
  await server.stop()
})
