/** Streams and waiting on one server, of what happens through another. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { serve, type RunningServer } from '../../src/serve.ts'
import { Users } from '../../src/service/users.ts'
import { Caller } from '../support/caller.ts'
import { EventReader, type ClusterEvent } from '../support/event-reader.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let dataDir: string
let one: TestServer
let other: RunningServer

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'clusters-events-'))
  const settings = {
    CLUSTERS_DATABASE: await createTestDatabase(inject('postgresUrl') ?? ''),
    CLUSTERS_ENGINE: 'none',
  }
  one = await startServer({ settings })
  const config = loadConfig({
    ...{ CLUSTERS_PORT: '0', CLUSTERS_DATA_DIR: dataDir, CLUSTERS_LOG_LEVEL: 'error' },
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

async function listAll(caller: Caller): Promise<ClusterEvent[]> {
  const all: ClusterEvent[] = []
  for (let path: string | undefined = '/events'; path !== undefined;) {
    const page = await caller.get(path)
    all.push(...(page.body as ClusterEvent[]))
    path = /<([^>]*)>/.exec(String(page.headers['link'] ?? ''))?.[1]
  }
  return all.toReversed()
}

test('an event written through one server reaches a stream on the other at once', async () => {
  const [here, there] = await addUser()
  const stream = await EventReader.open(there, '/events')
  await expect.poll(() => stream.heartbeats).toBe(1)
  // The first word of a change may come before the other server listens.
  await here.createCluster()
  await stream.count(1)
  const delays: number[] = []
  for (let count = 2; count <= 6; count++) {
    await here.createCluster()
    const startedAt = performance.now()
    await stream.count(count)
    delays.push(performance.now() - startedAt)
  }
  expect(Math.max(...delays)).toBeLessThan(1000)
  expect(stream.events).toEqual(await listAll(here))
  stream.cut()
})

test('while both servers write, a stream that moves between them leaves nothing out and says nothing twice', async () => {
  const [here, there] = await addUser()
  const end = new AbortController()
  const writers = [here, there, here, there].map(async caller => {
    while (!end.signal.aborted) {
      const { id } = await caller.createCluster()
      await caller.delete(`/clusters/${id}`)
    }
  })
  const seen: ClusterEvent[] = []
  for (let round = 0; round < 24; round++) {
    const reader = await EventReader.open(round % 2 === 0 ? here : there, '/events', seen.at(-1)?.id ?? 0)
    await reader.count(1 + (round % 5))
    reader.cut()
    await reader.closed
    seen.push(...reader.events)
  }
  end.abort()
  await Promise.all(writers)
  const last = await EventReader.open(there, '/events', seen.at(-1)?.id)
  const all = await listAll(here)
  await last.count(all.length - seen.length)
  last.cut()
  expect([...seen, ...last.events]).toEqual(all)
})

test('who waits on one server is answered by what is done through the other', async () => {
  const [here, there] = await addUser()
  const { id } = await here.createCluster()
  const waiting = there.get(`/clusters/${id}?wait_for=stopped&timeout=60`)
  await sleep(200)
  await here.post(`/clusters/${id}/stop`)
  expect(await waiting).toMatchObject({ status: 200, body: { status: 'stopped' } })
})

test('a token revoked at one server, and a user disabled by a command, end the streams on the other', async () => {
  const [[here, there], [, disabled]] = [await addUser(), await addUser()]
  const streams = [await EventReader.open(there, '/events'), await EventReader.open(disabled, '/events')]
  await here.post('/token/logout')
  await new Users(one.database, one.clock.now).disable(disabled.username)
  const startedAt = performance.now()
  await Promise.all(streams.map(stream => stream.closed))
  expect(performance.now() - startedAt).toBeLessThan(3000)
  expect(streams.map(({ hasEnded }) => hasEnded)).toEqual([true, true])
})
