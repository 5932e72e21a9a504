import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listAccounts } from '../../src/database/users.ts'
import { loadFixture } from '../../src/service/fixtures.ts'
import { Caller } from '../support/caller.ts'
import { authTokenOf, getCsrf, logIn } from '../support/log-in.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const YAML = readDump('django-dump.yaml')
const JSON_DUMP = readDump('django-dump.json')

function readDump(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
}

let server: TestServer

beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.stop())

const load = (text: string) => loadFixture(server.database, { text, clock: server.clock.now })
const accounts = () => listAccounts(server.database.reads)

async function logInAs(username: string, password: string): Promise<Caller> {
  const answer = await logIn(server.nobody, await getCsrf(server.nobody), { username, password })
  const token = authTokenOf(answer)
  const { body } = await new Caller({ url: server.url, token }).get('/users/me')
  return new Caller({ url: server.url, token, id: (body as { id: number }).id, username })
}

async function refuseLogIn(username: string, password: string): Promise<void> {
  const answer = await logIn(server.nobody, await getCsrf(server.nobody), { username, password })
  expect(answer.status, username).toBe(400)
}

test('a YAML dump brings its users with their ids, roles and dates, and names what it does not take', async () => {
  const report = await load(YAML)
  expect(report).toEqual({
    users: 3,
    clusters: 3,
    notes: [
      '2 entries of contenttypes.contenttype: nothing here takes them',
      '3 entries of auth.permission: nothing here takes them',
    ],
  })
  const now = expect.stringMatching(/^20\d\d-.*Z$/) as unknown
  expect(await accounts()).toMatchObject([
    {
      id: 11,
      username: 'grace',
      isAdministrator: true,
      disabledAt: null,
      createdAt: '2023-11-05T08:00:00.250Z',
    },
    {
      id: 12,
      username: 'linus',
      isAdministrator: false,
      disabledAt: now,
      createdAt: '2024-01-15T12:30:00.000Z',
    },
    { id: 40, username: 'barbara', isAdministrator: false, disabledAt: null },
  ])
})

test('a JSON dump with natural keys and a user model of another app is read as well', async () => {
  const { users, clusters, notes } = await load(JSON_DUMP)
  expect({ users, clusters }).toEqual({ users: 4, clusters: 1 })
  expect(notes).toEqual([
    'user 22 (sso-only): loaded, but its password is set to unusable; set one with: ./bin/clusters user passwd sso-only',
    expect.stringMatching(
      /^user 23 \(bcrypt-user\): loaded, but its password is in a form that is not read here/,
    ),
    expect.stringMatching(/^user 24 \(costly\): loaded, but its password asks for 90000000 iterations/),
    'cluster 302: its creator ["nobody-here"] was not loaded',
    'cluster 303: its cpus are not above 0 and at most 16',
    'cluster 304: its memory is not above 0 and at most 128',
    '1 entry of contenttypes.contenttype: nothing here takes them',
    '1 entry of auth.permission: nothing here takes them',
  ])
  const ken = await logInAs('ken', 'ken-password')
  expect((await ken.get('/clusters')).body).toMatchObject([
    { id: 301, creator: 21, cpus: 2, memory: 8, created_at: '2024-05-06T07:08:09.123Z' },
  ])
})

test('clusters come in as stopped, count against no quota, and can be looked up and deleted', async () => {
  await load(YAML)
  const barbara = await logInAs('barbara', 'barbara-password')
  const imported = await barbara.get('/clusters/105')
  expect(imported.body).toMatchObject({
    id: 105,
    creator: 40,
    cpus: 0.5,
    memory: 1.25,
    name: 'cluster-105',
    workers: 1,
    status: 'stopped',
    reason: 'imported',
    engine: 'none',
    created_at: '2024-05-07T07:08:09.000Z',
    started_at: null,
  })
  expect((await barbara.get('/users/me')).body).toMatchObject({
    used: { clusters: 0, cpus: 0, memory_gib: 0 },
  })
  expect((await barbara.get('/clusters/101')).status).toBe(404)
  expect((await barbara.delete('/clusters/105')).status).toBe(204)
  expect((await barbara.get('/users/me')).body).toMatchObject({ used: { clusters: 0 } })
})

test('new ids come after the largest that was loaded', async () => {
  await load(YAML)
  const next = await server.user()
  expect(next.id).toBe(41)
  expect((await next.createCluster()).id).toBe(231)
  await load(JSON_DUMP)
  expect((await next.createCluster()).id).toBe(302)
})

test('loading smaller ids takes nothing back: an id of a deleted cluster is not given again', async () => {
  await load(YAML)
  const grace = await logInAs('grace', 'grace-password')
  const { id } = await grace.createCluster()
  await grace.delete(`/clusters/${id}`)
  await load(dump({ model: 'launcher.cluster', pk: 3, fields: { creator: 11, cpus: 1, memory: 1 } }))
  expect((await grace.createCluster()).id).toBe(id + 1)
})

test('a second load changes nothing, and says of each that it exists', async () => {
  await load(YAML)
  const before = [await accounts(), await (await logInAs('barbara', 'barbara-password')).get('/clusters')]
  const report = await load(YAML)
  expect(report).toMatchObject({ users: 0, clusters: 0 })
  expect(report.notes.slice(0, 6)).toEqual([
    'user 11 (grace): exists already',
    'user 12 (linus): exists already',
    'user 40 (barbara): exists already',
    'cluster 101: exists already',
    'cluster 105: exists already',
    'cluster 230: exists already',
  ])
  const [users, clusters] = [
    await accounts(),
    await (await logInAs('barbara', 'barbara-password')).get('/clusters'),
  ]
  expect((clusters.body as unknown[]).length).toBe(1)
  expect(clusters.body).toEqual((before[1] as typeof clusters).body)
  // Logging in gave barbara our own hash; nothing else is different.
  expect(users.map(({ password: _, ...rest }) => rest)).toEqual(
    (before[0] as typeof users).map(({ password: _, ...rest }) => rest),
  )
})

test('what is here is never overwritten: not a password, not a role, not a cluster', async () => {
  const first = dump(user(1, 'ada', { is_superuser: false }), cluster(5, 1, { cpus: 2 }))
  await load(first)
  const before = await accounts()
  await load(dump(user(1, 'ada', { is_superuser: true, password: '!other' }), cluster(5, 1, { cpus: 9 })))
  expect(await accounts()).toEqual(before)
  const row = await server.database.reads.selectFrom('clusters').select(['id', 'cpus']).execute()
  expect(row).toEqual([{ id: 5, cpus: 2 }])
})

test('a Django password works, and is stored as argon2id after the first login', async () => {
  await load(YAML)
  const hashOf = async (name: string) =>
    (await accounts()).find(({ username }) => username === name)?.password
  expect(await hashOf('grace')).toMatch(/^pbkdf2_sha256\$600000\$/)
  await refuseLogIn('grace', 'linus-password')
  expect(await hashOf('grace'), 'a wrong password changes nothing').toMatch(/^pbkdf2_sha256\$600000\$/)

  expect((await (await logInAs('grace', 'grace-password')).get('/users/me')).body).toMatchObject({
    is_administrator: true,
  })
  const ours = await hashOf('grace')
  expect(ours).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  await logInAs('grace', 'grace-password')
  expect(await hashOf('grace')).toBe(ours)

  // Django's own argon2 is stronger work than ours; it becomes ours too.
  expect(await hashOf('barbara')).toMatch(/^\$argon2id\$v=19\$m=102400,t=2,p=8\$/)
  await logInAs('barbara', 'barbara-password')
  expect(await hashOf('barbara')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

test('who was not active in Django, or has no password that is read here, cannot log in', async () => {
  await load(YAML)
  await load(JSON_DUMP)
  await refuseLogIn('linus', 'linus-password')
  for (const name of ['sso-only', 'bcrypt-user', 'costly']) {
    await refuseLogIn(name, '')
    await refuseLogIn(name, '!')
  }
})

test('when an id belongs to somebody else here, that user gets none of the clusters', async () => {
  const mallory = await server.user({ username: 'mallory' })
  const report = await load(
    dump(
      user(mallory.id, 'grace'),
      cluster(50, mallory.id),
      cluster(51, ['grace']),
      cluster(52, ['mallory']),
    ),
  )
  expect(report).toMatchObject({ users: 0, clusters: 1 })
  expect(report.notes).toEqual([
    `user ${mallory.id} (grace): the id belongs to mallory`,
    `cluster 50: its creator ${mallory.id} was not loaded`,
    'cluster 51: its creator ["grace"] was not loaded',
  ])
  expect((await mallory.get('/clusters')).body).toMatchObject([{ id: 52 }])
})

test('nobody is said to be loaded who was not', async () => {
  const mallory = await server.user({ username: 'mallory' })
  const { notes } = await load(
    dump(
      user(mallory.id, 'grace', { password: '!' }),
      user(9, 'mallory', { password: 'md5$salt$0123456789' }),
    ),
  )
  expect(notes).toEqual([
    `user ${mallory.id} (grace): the id belongs to mallory`,
    `user 9 (mallory): the name belongs to user ${mallory.id}`,
  ])
})

test('that user gets none of them either when the file writes the id as a text', async () => {
  const mallory = await server.user({ username: 'mallory' })
  await load(dump({ ...user(0, 'grace'), pk: String(mallory.id) }, cluster(50, mallory.id)))
  expect((await mallory.get('/clusters')).body).toEqual([])
})

test('when a name belongs to another id here, neither user nor password is touched', async () => {
  const ada = await server.user({ username: 'ada' })
  const report = await load(dump(user(77, 'ada', { is_superuser: true }), cluster(50, 77)))
  expect(report).toMatchObject({ users: 0, clusters: 0 })
  expect(report.notes).toContain(`user 77 (ada): the name belongs to user ${ada.id}`)
  expect((await accounts()).map(({ id, isAdministrator }) => ({ id, isAdministrator }))).toEqual([
    { id: ada.id, isAdministrator: false },
  ])
})

test('entries with ids that are none are skipped and named; the rest of the file comes in', async () => {
  const ids = [0, -1, 1.5, 'x', null]
  const report = await load(
    dump(
      ...ids.map(pk => ({ ...user(1, 'ada'), pk })),
      user(3, 'ada'),
      ...ids.map(pk => ({ ...cluster(1, 3), pk })),
    ),
  )
  expect(report).toMatchObject({ users: 1, clusters: 0 })
  expect(report.notes).toHaveLength(10)
  for (const note of report.notes) expect(note).toContain('its id is no positive whole number')
})

test('an id that leaves no room for the next is not taken', async () => {
  const ada = await server.user()
  await load(dump(cluster(Number.MAX_SAFE_INTEGER, ada.id)))
  const next = await ada.createCluster()
  expect((await ada.get(`/clusters/${next.id}`)).status).toBe(200)
  const after = await ada.createCluster()
  expect(after.id).toBe(next.id + 1)
})

/** Of ken-password. */
const HASH = 'pbkdf2_sha256$30000$seasalt2$5P8JXAYY+/7RdXIs2AiMYliyv1l0wn6JVC78bIA9Evo='

function dump(...entries: readonly object[]): string {
  return JSON.stringify(entries)
}

function user(pk: number, username: string, fields: object = {}) {
  return { model: 'launcher.user', pk, fields: { username, password: HASH, is_active: true, ...fields } }
}

function cluster(pk: number, creator: number | string[], fields: object = {}) {
  return { model: 'launcher.cluster', pk, fields: { creator, cpus: 1, memory: 1, ...fields } }
}
