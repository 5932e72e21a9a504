import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/database/open.ts'
import { serve, type RunningServer } from '../../src/serve.ts'
import { Caller, type Answer } from '../support/caller.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

// Two servers on one PostgreSQL, as behind a load balancer. A SQLite file has one server at a time; there,
// e2e/start-database.test.ts holds that the second is refused.
const QUOTA = 20

let dataDir: string
let one: TestServer
let other: RunningServer

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'clusters-two-'))
  const database = await createTestDatabase(inject('postgresUrl') ?? '')
  const settings = { CLUSTERS_DATABASE: database, CLUSTERS_QUOTA_CLUSTERS: String(QUOTA) }
  one = await startServer({ settings })
  const config = loadConfig({
    ...{ CLUSTERS_PORT: '0', CLUSTERS_DATA_DIR: dataDir, CLUSTERS_LOG_LEVEL: 'error' },
    CLUSTERS_ENGINE: 'none',
    ...settings,
  })
  other = await serve(config, { sampleUsers: false })
})
afterAll(async () => {
  await other.stop()
  await one.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** The same user at both servers. */
async function addUser(): Promise<readonly [Caller, Caller]> {
  const here = await one.user()
  const { id, username, token = '' } = here
  return [here, new Caller({ url: other.url, token, id, username })]
}

const create = (caller: Caller, headers: Record<string, string> = {}) =>
  caller.post('/clusters', { creator: caller.id, cpus: 1, memory: 1 }, { headers })

const withStatus = (answers: readonly Answer[], status: number) =>
  answers.filter(answer => answer.status === status)
const idOf = (answer: Answer) => (answer.body as { id: number }).id

test('two servers at once never pass a quota, and fill it to the last cluster', async () => {
  const [here, there] = await addUser()
  const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => create(n % 2 === 0 ? here : there)))
  expect(withStatus(answers, 201)).toHaveLength(QUOTA)
  expect(withStatus(answers, 409)).toHaveLength(60 - QUOTA)
  expect((await there.get('/users/me')).body).toMatchObject({ used: { clusters: QUOTA, cpus: QUOTA } })
  expect((await here.get('/clusters')).body).toHaveLength(QUOTA)
})

test('two servers at once never give an id twice, whoever asks', async () => {
  const users = await Promise.all(Array.from({ length: 8 }, addUser))
  const answers = await Promise.all(
    users.flatMap(([here, there]) =>
      Array.from({ length: QUOTA }, (_, n) => create(n % 2 === 0 ? here : there)),
    ),
  )
  expect(withStatus(answers, 201)).toHaveLength(8 * QUOTA)
  expect(new Set(answers.map(idOf)).size).toBe(8 * QUOTA)
  for (const [here, there] of users) {
    const [mine, same] = [await here.get('/clusters'), await there.get('/clusters')]
    expect(mine.body).toHaveLength(QUOTA)
    expect(same.body).toEqual(mine.body)
  }
})

test('one idempotency key sent to both servers at once is one cluster', async () => {
  const [here, there] = await addUser()
  for (let round = 0; round < 10; round++) {
    const headers = { 'idempotency-key': `round-${round}` }
    const answers = await Promise.all([here, there, here, there].map(caller => create(caller, headers)))
    expect(withStatus(answers, 201)).toHaveLength(4)
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  }
  expect((await here.get('/clusters')).body).toHaveLength(10)
})

test('clusters deleted through both servers at once give the quota back, once each', async () => {
  const [here, there] = await addUser()
  const ids = (await Promise.all(Array.from({ length: 10 }, () => create(here)))).map(idOf)
  const deletions = await Promise.all(
    ids.flatMap(id => [here, there].map(caller => caller.delete(`/clusters/${id}`))),
  )
  expect(withStatus(deletions, 204)).toHaveLength(10)
  expect(withStatus(deletions, 404)).toHaveLength(10)
  expect((await there.get('/users/me')).body).toMatchObject({
    used: { clusters: 0, cpus: 0, memory_gib: 0 },
  })
})

test('a token revoked at one server is dead at the other at once', async () => {
  const [here, there] = await addUser()
  expect((await there.get('/clusters')).status).toBe(200)
  expect((await here.post('/token/logout')).status).toBe(204)
  expect((await there.get('/clusters')).status).toBe(401)
})

test('several servers may open a new database at once', async () => {
  const url = await createTestDatabase(inject('postgresUrl') ?? '')
  const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ kind: 'postgres', url })))
  for (const { reads } of opened) {
    expect(await reads.selectFrom('counters').select('last_user_id').execute()).toEqual([{ last_user_id: 0 }])
  }
  await Promise.all(opened.map(each => each.close()))
})
