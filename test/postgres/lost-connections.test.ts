import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { serve } from '../../src/serve.ts'
import { Tokens } from '../../src/service/tokens.ts'
import { findAccount } from '../../src/database/users.ts'
import { Caller, type Answer } from '../support/caller.ts'
import { getCsrf, logIn } from '../support/log-in.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const ROUNDS = 10

/** An administrator of the database, who is connected to another one. */
async function connectAdministrator(url: string): Promise<{ cutAll: () => Promise<number> }> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') ?? '' })
  await client.connect()
  onTestFinished(() => client.end())
  const name = new URL(url).pathname.slice(1)
  return {
    cutAll: async () => {
      // Resolves when they are gone: it waits for each.
      const { rowCount } = await client.query(
        'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1',
        [name],
      )
      return rowCount ?? 0
    },
  }
}

async function start(): Promise<{ server: TestServer; url: string; cutAll: () => Promise<number> }> {
  const url = await createTestDatabase(inject('postgresUrl') ?? '')
  const settings = { CLUSTERS_DATABASE: url, CLUSTERS_LOG_LEVEL: 'silent' }
  const { cutAll } = await connectAdministrator(url)
  return { server: await startServer({ settings }), url, cutAll }
}

const create = (caller: Caller, fields: object = {}) =>
  caller.post('/clusters', { creator: caller.id, cpus: 1, memory: 1, ...fields })

/** Creates and reads of every kind, all at once. */
function callAll(ada: Caller, id: number): { creates: Promise<Answer>[]; reads: Promise<Answer>[] } {
  const creates: Promise<Answer>[] = []
  const reads: Promise<Answer>[] = []
  for (let count = 0; count < 10; count++) {
    creates.push(create(ada))
    for (const path of ['/clusters?limit=10', `/clusters/${id}`, '/users/me', '/tokens'])
      reads.push(ada.get(path))
  }
  return { creates, reads }
}

/** The answers that are as they should be; every other one must say that it cannot be had now. */
function keepGood(answers: readonly Answer[], status: number): Answer[] {
  const good = answers.filter(answer => answer.status === status)
  for (const answer of answers) {
    if (answer.status === status) continue
    expectProblem(answer, 'unavailable')
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  }
  return good
}

const idOf = (answer: Answer) => (answer.body as { id: number }).id

test('connections that are cut while requests are under way cost these alone: the next are answered, and nothing is lost', async () => {
  const { server, cutAll } = await start()
  const ada = await server.user()
  const created = [(await ada.createCluster()).id]
  const [first = 0] = created
  let cut = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { creates, reads } = callAll(ada, first)
    // Sooner or later, so that all of what a request does is cut off once.
    for (let turns = 0; turns < round * 3; turns++) await new Promise(resolve => setImmediate(resolve))
    cut += await cutAll()
    created.push(...keepGood(await Promise.all(creates), 201).map(idOf))
    keepGood(await Promise.all(reads), 200)

    const later = callAll(ada, first)
    const answers = await Promise.all(later.creates)
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    created.push(...answers.map(idOf))
    for (const answer of await Promise.all(later.reads)) expect(answer.status).toBe(200)
    expect((await server.nobody.get('/readyz')).status).toBe(200)
  }
  expect(cut).toBeGreaterThanOrEqual(ROUNDS)
  expect(new Set(created).size).toBe(created.length)
  const stored = ((await ada.get('/clusters?limit=1000')).body as { id: number }[]).map(({ id }) => id)
  // A create whose commit was cut off may be stored though it was refused.
  expect(stored).toEqual(expect.arrayContaining(created))
  expect((await ada.get('/users/me')).body).toMatchObject({ used: { clusters: stored.length } })
  await server.stop()
})

test('a server whose connections were cut while it was idle answers the next request', async () => {
  const { server, cutAll } = await start()
  const ada = await server.user()
  const { id } = await ada.createCluster()
  expect(await cutAll()).toBeGreaterThan(0)
  expect((await server.nobody.get('/readyz')).status).toBe(200)
  expect((await ada.get(`/clusters/${id}`)).status).toBe(200)
  expect((await create(ada)).status).toBe(201)
  await server.stop()
})

test('a server whose connections are cut ends all the same, with requests under way and without', async () => {
  const idle = await start()
  await (await idle.server.user()).createCluster()
  await idle.cutAll()
  await idle.server.stop()

  const busy = await start()
  const ada = await busy.server.user()
  const { id } = await ada.createCluster()
  const { creates, reads } = callAll(ada, id)
  const answered = Promise.allSettled([...creates, ...reads])
  // The first is under way for sure; what comes later may find the door shut.
  await Promise.race(reads)
  const [, , results] = await Promise.all([busy.cutAll(), busy.server.stop(), answered])
  for (const result of results) {
    if (result.status === 'rejected') continue
    expect([200, 201, 503]).toContain(result.value.status)
  }
})

test('logins, new tokens and creates of one user at two servers at once all succeed', async () => {
  const { server, url } = await start()
  const dataDir = mkdtempSync(join(tmpdir(), 'clusters-two-'))
  const other = await serve(
    loadConfig({
      ...{ CLUSTERS_PORT: '0', CLUSTERS_DATA_DIR: dataDir, CLUSTERS_LOG_LEVEL: 'silent' },
      CLUSTERS_ENGINE: 'none',
      CLUSTERS_DATABASE: url,
    }),
    { sampleUsers: false },
  )
  const users = await Promise.all([server.user(), server.user()])
  const tokens = new Tokens(server.database, { clock: server.clock.now, onError: () => undefined })
  const csrf = await getCsrf(server.nobody)

  await Promise.all(
    users.map(async here => {
      const { id, username, token = '' } = here
      const there = new Caller({ url: other.url, token, id, username })
      const account = await findAccount(server.database.reads, username)
      // Without the time that a hash takes, so that each meets many creates.
      const user = { id, username, isAdministrator: false }
      const issued = Array.from({ length: 40 }, () => [
        tokens.issueForLogin(user, account?.password ?? '', 'token'),
        tokens.issueFor(user),
      ]).flat()
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () => logIn(server.nobody, csrf, { username })),
        ...Array.from({ length: 40 }, (_, n) => here.post('/tokens', { name: `token ${n}` })),
        ...Array.from({ length: 40 }, () => create(there)),
        ...Array.from({ length: 40 }, () => create(here)),
      ])
      expect(answers.map(({ status }) => status)).toEqual([
        ...Array.from({ length: 5 }, () => 200),
        ...Array.from({ length: 120 }, () => 201),
      ])
      for (const each of await Promise.all(issued)) expect(each?.value).toMatch(/^clu_/)
      expect((await there.get('/clusters')).body).toHaveLength(80)
      expect((await there.get('/tokens')).body).toHaveLength(1 + 5 + 40 + 80)
    }),
  )
  await tokens.close()
  await other.stop()
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})
