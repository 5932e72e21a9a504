import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { SqliteConnection } from '../../src/database/sqlite.ts'
import type { ClusterRequest } from '../../src/domain/cluster.ts'
import { Unavailable } from '../../src/domain/errors.ts'
import { Clusters } from '../../src/service/clusters.ts'
import type { Answer, Caller } from '../support/caller.ts'
import { expectProblem } from '../support/problems.ts'
import { createFolder } from '../support/spawn.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

/** So long a write waits for another process (BEGIN_TIMEOUT_MS of src/database/sqlite.ts). */
const PATIENCE_MS = 5000
/** Long enough for requests to come to the lock. */
const WHILE_MS = 300

/** A server on a file of its own, and what another process can do with that file. */
async function start(): Promise<{ server: TestServer; ada: Caller; hold: () => { letGo: () => void } }> {
  const path = join(createFolder(), 'clusters.db')
  const settings = { CLUSTERS_DATABASE: `sqlite:${path}`, CLUSTERS_LOG_LEVEL: 'silent' }
  const server = await startServer({ settings })
  onTestFinished(() => server.stop())
  const ada = await server.user()
  const hold = () => {
    const other = new SqliteConnection(path)
    other.exec('begin immediate')
    let isHeld = true
    const letGo = () => {
      if (isHeld) other.close()
      isHeld = false
    }
    // Before the server stops: it waits for its last writes.
    onTestFinished(letGo)
    return { letGo }
  }
  return { server, ada, hold }
}

const create = (caller: Caller) => caller.post('/clusters', { creator: caller.id, cpus: 1, memory: 1 })

const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status)
const idsOf = (answers: readonly Answer[]) => answers.map(({ body }) => (body as { id: number }).id)

async function expectReadsAnswered(server: TestServer, ada: Caller): Promise<void> {
  const { nobody } = server
  const answers = await Promise.all([nobody.get('/healthz'), nobody.get('/readyz'), ada.get('/clusters')])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
}

test('while another process writes, reads are answered; creates wait for it, and all succeed', async () => {
  const { server, ada, hold } = await start()
  const first = await ada.createCluster()
  const { letGo } = hold()
  let answered = 0
  const underWay = Array.from({ length: 8 }, async () => {
    const answer = await create(ada)
    answered += 1
    return answer
  })
  await sleep(WHILE_MS)
  // Some come when others wait already.
  underWay.push(...Array.from({ length: 4 }, () => create(ada)))
  await expectReadsAnswered(server, ada)
  expect((await ada.get(`/clusters/${first.id}`)).body).toEqual(first)
  await sleep(WHILE_MS)
  expect(answered).toBe(0)

  letGo()
  const answers = await Promise.all(underWay)
  expect(statusesOf(answers)).toEqual(answers.map(() => 201))
  expect(new Set(idsOf(answers)).size).toBe(12)
  expect((await ada.get('/clusters')).body).toHaveLength(13)
})

test('when another process writes for longer than 5 seconds, every create is refused as unavailable, and none is done later', async () => {
  const { server, ada, hold } = await start()
  const { letGo } = hold()
  const first = Array.from({ length: 8 }, () => create(ada))
  await sleep(WHILE_MS)
  const later = Array.from({ length: 8 }, () => create(ada))
  // Those that come when the others have waited in vain.
  await Promise.all(first)
  const late = Array.from({ length: 8 }, () => create(ada))
  for (const answer of await Promise.all([...first, ...later, ...late])) {
    expect(expectProblem(answer, 'unavailable').detail).toBe('The database is busy with another process.')
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  }
  await expectReadsAnswered(server, ada)

  letGo()
  const { id } = await ada.createCluster()
  expect(id, 'the refused took no id').toBe(1)
  expect(await ada.get('/clusters')).toMatchObject({ status: 200, body: [{ id }] })
  expect((await ada.get('/users/me')).body).toMatchObject({ used: { clusters: 1 } })
})

test('creates that waited together are refused together: when the lock is let go at the first refusal, none is done', async () => {
  const { server, ada, hold } = await start()
  const clusters = new Clusters(server.database, {
    clock: server.clock.now,
    quota: { clusters: null, cpus: null, memory_gib: null },
    placement: { engine: 'none', home: 'none', reason: 'none_configured', message: '' },
  })
  const user = { id: ada.id, username: ada.username, isAdministrator: false }
  const request: ClusterRequest = {
    ...{ cpus: 1, memory: 1, name: undefined, workers: 1, runtime: 'idle', command: null },
    ...{ environment: {}, idleTimeoutSeconds: null, lifetimeSeconds: null },
  }
  const { letGo } = hold()
  // Straight at the service: only so it is sure that all of them share one transaction.
  const creates = Array.from({ length: 8 }, () =>
    clusters.create(user, request, undefined).catch((error: unknown) => error),
  )
  await Promise.race(creates)
  letGo()
  for (const outcome of await Promise.all(creates)) expect(outcome).toBeInstanceOf(Unavailable)
  expect((await ada.createCluster()).id).toBe(1)
  expect((await ada.get('/clusters')).body).toHaveLength(1)
})

test(
  'once it could write again, a create waits for the next process anew',
  async () => {
    const { ada, hold } = await start()
    const before = hold()
    expectProblem(await create(ada), 'unavailable')
    before.letGo()
    await ada.createCluster()

    const { letGo } = hold()
    const underWay = create(ada)
    await sleep(WHILE_MS)
    letGo()
    expect((await underWay).status).toBe(201)
  },
  2 * PATIENCE_MS + 20_000,
)

test('a refusal of some time ago does not make the next write impatient', async () => {
  const { server, hold } = await start()
  const write = () =>
    server.database.transaction(trx => trx.updateTable('users').set({ disabled_at: null }).execute())
  const before = hold()
  await expect(write()).rejects.toBeInstanceOf(Unavailable)
  before.letGo()
  // Nobody writes meanwhile.
  await sleep(1500)
  const { letGo } = hold()
  const underWay = write()
  await sleep(WHILE_MS)
  letGo()
  await expect(underWay).resolves.toBeDefined()
})
