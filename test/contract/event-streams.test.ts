/** Streams as the services make them: what they hold on to, and how fast they read. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { MAX_STREAMS } from '../../src/domain/limits.ts'
import { NotAuthenticated, Unavailable } from '../../src/domain/errors.ts'
import type { User } from '../../src/domain/user.ts'
import { EventWatch } from '../../src/service/event-watch.ts'
import { Events, type EventStream } from '../../src/service/events.ts'
import { TokenWatch } from '../../src/service/token-watch.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let user: User

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  user = { id: alice.id, username: alice.username, isAdministrator: false }
})
afterAll(() => server.stop())

/** The database, with an account of who listens and who reads. */
function watched() {
  const counts = { listeners: 0, reads: 0, readsOfEvents: 0 }
  let announce: () => void = () => undefined
  let failure: Error | undefined
  const { database } = server
  const own: Database = {
    ...database,
    read: (sql, parameters) => {
      counts.reads += 1
      if (sql.includes('json')) counts.readsOfEvents += 1
      return failure === undefined ? database.read(sql, parameters) : Promise.reject(failure)
    },
    onChange: listener => {
      counts.listeners += 1
      announce = listener
      const end = database.onChange(listener)
      return () => {
        counts.listeners -= 1
        end()
      }
    },
  }
  return {
    counts,
    database: own,
    announce: () => {
      announce()
    },
    fail: (error: Error | undefined) => (failure = error),
  }
}

async function open(
  events: Events,
  options: { after?: number; signal: AbortSignal; clusterId?: number },
): Promise<EventStream> {
  const stream = await events.openStream(user, { clusterId: undefined, after: undefined, ...options })
  if (stream === undefined) throw new Error('the stream is over already')
  return stream
}

test('streams share one listener, and the last to end takes it away', async () => {
  const { counts, database } = watched()
  const events = new Events(database, { watch: new EventWatch(database) })
  const clients = Array.from({ length: MAX_STREAMS }, () => new AbortController())
  const streams = await Promise.all(clients.map(({ signal }) => open(events, { signal })))
  const waiting = streams.map(stream => stream.next())
  await expect.poll(() => counts.listeners).toBe(1)
  for (const client of clients) client.abort()
  for (const { done } of await Promise.all(waiting)) expect(done).toBe(true)
  expect(counts.listeners).toBe(0)
})

test('a stream that is dropped between two events lets go, too', async () => {
  const { counts, database } = watched()
  await alice.createCluster()
  const events = new Events(database, { watch: new EventWatch(database) })
  const stream = await open(events, { after: 0, signal: new AbortController().signal })
  expect((await stream.next()).done).toBe(false)
  expect(counts.listeners).toBe(1)
  await stream.return()
  expect(counts.listeners).toBe(0)
})

test('nothing is read that nobody takes', async () => {
  const { counts, database, announce } = watched()
  for (let count = 0; count < 10; count++) await alice.createCluster()
  const events = new Events(database, { watch: new EventWatch(database) })
  const stream = await open(events, { after: 0, signal: new AbortController().signal })
  await stream.next()
  const before = counts.readsOfEvents
  for (let count = 0; count < 10; count++) await alice.createCluster()
  announce()
  await new Promise(resolve => setTimeout(resolve, 200))
  // The one look that all streams share goes on; the stream itself waits for its reader.
  expect(counts.readsOfEvents).toBe(before)
  await stream.return()
})

test('a stream of a user for whom nothing happens costs no read, whatever happens for others', async () => {
  const { counts, database, announce } = watched()
  const events = new Events(database, { watch: new EventWatch(database) })
  const clients = Array.from({ length: 20 }, () => new AbortController())
  const betty = await server.user()
  const streams = await Promise.all(clients.map(({ signal }) => open(events, { signal })))
  const waiting = streams.map(stream => stream.next())
  announce()
  await expect.poll(() => counts.reads).toBeGreaterThanOrEqual(60)
  const before = counts.reads
  for (let count = 0; count < 5; count++) {
    await betty.createCluster()
    announce()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  expect(counts.reads - before).toBeLessThan(20)
  for (const client of clients) client.abort()
  await Promise.all(waiting)
})

test('says that it is there when nothing happens', async () => {
  const { database } = watched()
  const events = new Events(database, { watch: new EventWatch(database), heartbeatMs: 50 })
  const client = new AbortController()
  const stream = await open(events, { signal: client.signal })
  for (let count = 0; count < 3; count++) expect(await stream.next()).toEqual({ done: false, value: [] })
  client.abort()
  expect((await stream.next()).done).toBe(true)
})

test('a database that cannot be had for a while ends no stream', async () => {
  const { database, announce, fail } = watched()
  const events = new Events(database, { watch: new EventWatch(database) })
  const client = new AbortController()
  const stream = await open(events, { signal: client.signal })
  const waiting = stream.next()
  announce()
  await new Promise(resolve => setTimeout(resolve, 50))
  fail(new Unavailable('not now'))
  const { id } = await alice.createCluster()
  announce()
  await new Promise(resolve => setTimeout(resolve, 100))
  fail(undefined)
  announce()
  const { value } = await waiting
  expect(value?.map(({ json }) => (JSON.parse(json) as { cluster: number }).cluster)).toEqual([id])
  client.abort()
  await stream.return()
})

test('many who watch one token share a check, and all hear of its end, once', async () => {
  const { counts, database, announce } = watched()
  const watch = new TokenWatch(database)
  const state = { isDead: false, checks: 0, heard: 0 }
  const check = () => {
    state.checks += 1
    return state.isDead ? Promise.reject(new NotAuthenticated('dead')) : Promise.resolve()
  }
  const ends = Array.from({ length: 10 }, () => watch.add(1, check, () => (state.heard += 1)))
  announce()
  await expect.poll(() => state.checks).toBe(1)
  state.isDead = true
  announce()
  announce()
  await expect.poll(() => state.heard).toBe(10)
  for (const end of ends) end()
  expect(counts.listeners).toBe(0)
})
