import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { createFolder, logIn, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

test('a port that is taken is named', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  closeAfterTest(taken)
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const sentence = await refuseCommand(['serve'], {
    CLUSTERS_DATA_DIR: createFolder(),
    CLUSTERS_PORT: String(port),
  })
  expect(sentence).toContain(`Port ${port} on 127.0.0.1 is in use`)
})

test('an address that is not of this machine is named', async () => {
  // TEST-NET-1, which nobody has; the proxy is there to get past the refusal to be exposed.
  const elsewhere = { CLUSTERS_HOST: '192.0.2.1', CLUSTERS_TRUST_PROXY: '127.0.0.1' }
  const sentence = await refuseCommand(['serve'], { CLUSTERS_DATA_DIR: createFolder(), ...elsewhere })
  expect(sentence).toContain('CLUSTERS_HOST is 192.0.2.1, which is no address of this machine')
})

test('a data folder that cannot be written is named: a file in its place, and a path below a file', async () => {
  const file = join(createFolder(), 'file')
  writeFileSync(file, '')
  const below = join(file, 'data')
  for (const [path, words] of [
    [file, `CLUSTERS_DATA_DIR is ${file}, which is not a folder.`],
    [below, `The data folder ${below} cannot be written`],
  ] as const) {
    const sentence = await refuseCommand(['serve'], { CLUSTERS_DATA_DIR: path })
    expect(sentence).toContain(words)
    expect(await refuseCommand(['user', 'list'], { CLUSTERS_DATA_DIR: path })).toContain(path)
  }
})

test('a folder in the place of the database file, or a database in no folder, is refused in a sentence', async () => {
  const data = createFolder()
  mkdirSync(join(data, 'clusters.db'))
  expect(await refuseCommand(['serve'], { CLUSTERS_DATA_DIR: data })).toContain(join(data, 'clusters.db'))
  const nowhere = join(data, 'nowhere', 'clusters.db')
  const settings = { CLUSTERS_DATA_DIR: data, CLUSTERS_DATABASE: `sqlite:${nowhere}` }
  expect(await refuseCommand(['serve'], settings)).toContain(nowhere)
  // Told first that it creates one, the operator is told why it could not.
  const listed = await runCommand(['user', 'list'], settings)
  expect(listed).toMatchObject({ code: 1, stdout: '' })
  expect(listed.stderr).toMatch(/\nclusters: [^\n]+nowhere[^\n]+\n$/)
})

test('the data folder and what is in it are for the server alone', async () => {
  const data = join(createFolder(), 'new', 'data')
  const server = await spawnServer({ CLUSTERS_DATA_DIR: data })
  expect(statSync(data).mode & 0o777).toBe(0o700)
  expect(statSync(join(data, 'clusters.db')).mode & 0o077).toBe(0)
  await server.stop()
})

test('a database that a newer version has written is refused, and left as it was', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  await runCommand(['user', 'add', 'ada'], settings, 'correct horse battery\n')
  const path = join(settings.CLUSTERS_DATA_DIR, 'clusters.db')
  const file = new DatabaseSync(path)
  file.exec("insert into kysely_migration values ('0999-from-the-future', '2030-01-01T00:00:00.000Z')")
  file.close()
  for (const command of [['serve'], ['user', 'list']]) {
    const sentence = await refuseCommand(command, settings)
    expect(sentence).toContain('written by a newer version of clusters')
    expect(sentence).toContain('0999-from-the-future')
  }
  const after = new DatabaseSync(path)
  expect(after.prepare('select username from users').all()).toEqual([{ username: 'ada' }])
  after.close()
})

test('a file that is no database is refused, and left as it was', async () => {
  const data = createFolder()
  const path = join(data, 'clusters.db')
  const content = 'my diary, do not touch. '.repeat(500)
  writeFileSync(path, content)
  const sentence = await refuseCommand(['serve'], { CLUSTERS_DATA_DIR: data })
  expect(sentence).toContain(path)
  expect(readFileSync(path, 'utf8')).toBe(content)
})

test('a second server on the same file is refused; operators go on working beside the first', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  const first = await spawnServer(settings)
  expect(await refuseCommand(['serve'], { ...settings, CLUSTERS_PORT: '0' })).toContain(
    'Another server works on',
  )

  const added = await runCommand(['user', 'add', 'ada'], settings, 'correct horse battery\n')
  expect(added.code).toBe(0)
  expect((await logIn(first.url, 'ada', 'correct horse battery')).status).toBe(200)
  await first.stop()
})

test('several commands at once on a new folder all work, and make one database', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  const names = ['ada', 'grace', 'barbara', 'radia']
  const added = await Promise.all(
    names.map(name => runCommand(['user', 'add', name], settings, `${name}-password\n`)),
  )
  for (const ended of added) expect(ended).toMatchObject({ code: 0, stdout: '' })
  const { stdout } = await runCommand(['user', 'list', '--json'], settings)
  const users = JSON.parse(stdout) as { id: number; username: string }[]
  expect(users.map(({ id }) => id)).toEqual([1, 2, 3, 4])
  expect(users.map(({ username }) => username).toSorted()).toEqual(names.toSorted())
})

test('a server that was killed leaves nothing in the way of the next', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  const killed = await spawnServer(settings, { sampleUsers: true })
  expect((await killed.stop('SIGKILL')).signal).toBe('SIGKILL')
  const next = await spawnServer(settings)
  expect((await logIn(next.url, 'alice', 'hunter2')).status).toBe(200)
  await next.stop()
})

const SECRET = 's3cret'

test('a PostgreSQL that is not there is refused in a sentence without the password', async () => {
  const unused = createServer().listen(0, '127.0.0.1')
  await once(unused, 'listening')
  const { port } = unused.address() as AddressInfo
  unused.close()
  await once(unused, 'close')
  const database = `postgres://me:${SECRET}@127.0.0.1:${port}/clusters?password=${SECRET}`
  for (const command of [['serve'], ['user', 'list']]) {
    const settings = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_DATABASE: database }
    const sentence = await refuseCommand(command, settings)
    expect(sentence).toContain(`postgres://127.0.0.1:${port}/clusters (CLUSTERS_DATABASE) cannot be opened`)
    expect(sentence).not.toContain(SECRET)
  }
})

test('a PostgreSQL that takes the connection and says nothing is given up after some seconds', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  closeAfterTest(silent)
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const database = `postgres://me:${SECRET}@127.0.0.1:${port}/clusters`
  const sentence = await refuseCommand(['serve'], {
    CLUSTERS_DATA_DIR: createFolder(),
    CLUSTERS_DATABASE: database,
  })
  expect(sentence).toContain(`127.0.0.1:${port}/clusters (CLUSTERS_DATABASE) cannot be opened`)
  expect(sentence).not.toContain(SECRET)
})

const postgresUrl = inject('postgresUrl')

test.skipIf(postgresUrl === undefined)(
  'a PostgreSQL without that database, or with a newer one, is refused in a sentence (needs PostgreSQL)',
  async () => {
    const own = await createTestDatabase(postgresUrl ?? '')
    const settings = (database: string) => ({
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_DATABASE: database,
    })
    const withPassword = own.replace('postgres@', `postgres:${SECRET}@`).replace(/[^/]+$/, 'nothing_here')
    const sentence = await refuseCommand(['serve'], settings(withPassword))
    expect(sentence).toMatch(
      /nothing_here \(CLUSTERS_DATABASE\) cannot be opened: database "nothing_here" does not exist/,
    )
    expect(sentence).not.toContain(SECRET)

    await runCommand(['user', 'list'], settings(own))
    const client = new pg.Client({ connectionString: own })
    await client.connect()
    await client.query("insert into kysely_migration values ('0999-from-the-future', '2030-01-01T00:00:00Z')")
    await client.end()
    expect(await refuseCommand(['serve'], settings(own))).toContain('written by a newer version of clusters')
  },
)

function closeAfterTest(server: Server): void {
  onTestFinished(() => {
    server.close()
  })
}
