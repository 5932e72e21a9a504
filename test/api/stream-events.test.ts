import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOUR_MS } from '../../src/lib/clock.ts'
import { MAX_STREAMS } from '../../src/domain/limits.ts'
import { Users } from '../../src/service/users.ts'
import { Caller } from '../support/caller.ts'
import { EventReader, type ClusterEvent } from '../support/event-reader.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordLaunch } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

const idsOf = (events: readonly ClusterEvent[]) => events.map(({ id }) => id)
const listed = async (caller: Caller, path = '/events') =>
  ((await caller.get(path)).body as ClusterEvent[]).toReversed()
const within = (ms: number, promise: Promise<unknown>) =>
  Promise.race([promise, sleep(ms).then(() => Promise.reject(new Error(`took longer than ${ms} ms`)))])

test('begins now, says at once that it is there, and tells what happens as it happens', async () => {
  const carol = await server.user()
  await carol.createCluster()
  const stream = await EventReader.open(carol, '/events')
  expect(stream.status).toBe(200)
  expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  expect(stream.headers['cache-control']).toBe('no-store')
  expect(stream.headers['x-accel-buffering']).toBe('no')
  await expect.poll(() => stream.heartbeats).toBe(1)
  expect(stream.events).toEqual([])

  const { id } = await carol.createCluster()
  await within(1000, stream.count(1))
  await carol.post(`/clusters/${id}/stop`)
  await within(1000, stream.count(2))
  expect(stream.events).toEqual((await listed(carol)).slice(1))
  stream.cut()
})

test('with Last-Event-ID it goes on just after that event, and 0 begins with the first', async () => {
  const carol = await server.user()
  for (let count = 0; count < 5; count++) await carol.createCluster()
  const all = await listed(carol)
  for (const after of [0, 1, 3, 5]) {
    const stream = await EventReader.open(carol, '/events', after === 0 ? 0 : all[after - 1]?.id)
    await stream.count(5 - after)
    await expect.poll(() => stream.heartbeats).toBe(1)
    expect(stream.events).toEqual(all.slice(after))
    stream.cut()
  }
})

test('with a number that was never given it begins now: a backup was restored meanwhile', async () => {
  const carol = await server.user()
  await carol.createCluster()
  const stream = await EventReader.open(carol, '/events', 1_000_000)
  await expect.poll(() => stream.heartbeats).toBe(1)
  const { id } = await carol.createCluster()
  await stream.count(1)
  expect(stream.events).toMatchObject([{ cluster: id }])
  stream.cut()
})

test('many more events than one read takes come in order', async () => {
  const carol = await server.user()
  await Promise.all(Array.from({ length: 350 }, () => carol.createCluster()))
  const stream = await EventReader.open(carol, '/events', 0)
  await stream.count(350)
  expect(stream.events).toEqual(await listed(carol))
  stream.cut()
})

test('a stream that is cut again and again, and resumed, leaves nothing out and says nothing twice', async () => {
  const carol = await server.user()
  const end = new AbortController()
  const writers = [1, 2, 3, 4].map(async () => {
    while (!end.signal.aborted) {
      const { id } = await carol.createCluster()
      await carol.delete(`/clusters/${id}`)
    }
  })
  const seen: ClusterEvent[] = []
  for (let round = 0; round < 30; round++) {
    const stream = await EventReader.open(carol, '/events', seen.at(-1)?.id ?? 0)
    // Some are cut before they have said anything, some between two events, some in the middle of one.
    await stream.count(1 + (round % 7))
    if (round % 3 === 0) await sleep(round)
    stream.cut()
    await stream.closed
    seen.push(...stream.events)
  }
  end.abort()
  await Promise.all(writers)
  const last = await EventReader.open(carol, '/events', seen.at(-1)?.id)
  const all: ClusterEvent[] = []
  for (let path: string | undefined = '/events'; path !== undefined;) {
    const page = await carol.get(path)
    all.push(...(page.body as ClusterEvent[]))
    path = /<([^>]*)>/.exec(String(page.headers['link'] ?? ''))?.[1]
  }
  await last.count(all.length - seen.length)
  last.cut()
  expect(all.length).toBeGreaterThan(60)
  expect([...seen, ...last.events]).toEqual(all.toReversed())
})

test('shows nobody what happens to the clusters of others', async () => {
  const [hers, theirs] = [
    await EventReader.open(alice, '/events', 0),
    await EventReader.open(betty, '/events', 0),
  ]
  const made = { alice: await alice.createCluster(), betty: await betty.createCluster() }
  await theirs.until(events => events.some(({ cluster }) => cluster === made.betty.id))
  await hers.until(events => events.some(({ cluster }) => cluster === made.alice.id))
  expect(hers.events.map(({ cluster }) => cluster)).not.toContain(made.betty.id)
  expect(theirs.events.map(({ cluster }) => cluster)).toEqual([made.betty.id])
  hers.cut()
  theirs.cut()
})

test('the stream of a cluster ends with it, and is 204 for who comes back', async () => {
  const { id } = await alice.createCluster()
  const path = `/clusters/${id}/events`
  const stream = await EventReader.open(alice, path, 0)
  await stream.count(1)
  await alice.createCluster()
  await alice.post(`/clusters/${id}/stop`)
  await within(2000, stream.closed)
  expect(stream.hasEnded).toBe(true)
  expect(stream.events.map(({ cluster, status }) => [cluster, status])).toEqual([
    [id, 'pending'],
    [id, 'stopped'],
  ])
  // A page that comes back after each end, as an EventSource does, is told that there is no more.
  for (const after of [stream.lastId, stream.lastId + 1000, undefined]) {
    const again = await EventReader.open(alice, path, after)
    expect(again.status).toBe(204)
    await again.closed
  }
  const replay = await EventReader.open(alice, path, 0)
  await within(2000, replay.closed)
  expect(replay.events).toEqual(stream.events)
})

test('the stream of a cluster that is deleted ends with the event of its end', async () => {
  const { id } = await alice.createCluster()
  const stream = await EventReader.open(alice, `/clusters/${id}/events`)
  await alice.delete(`/clusters/${id}`)
  await within(2000, stream.closed)
  expect(stream.events.map(({ status }) => status)).toEqual(['stopped'])
})

test('a revoked token ends its streams, and no others', async () => {
  const carol = await server.user()
  const { token, id } = (await carol.post('/tokens', { name: 'other' })).body as { token: string; id: number }
  const other = new Caller({ url: server.url, token, id: carol.id, username: carol.username })
  const [kept, ended] = [await EventReader.open(carol, '/events'), await EventReader.open(other, '/events')]
  await carol.delete(`/tokens/${id}`)
  await within(3000, ended.closed)
  expect(ended.hasEnded).toBe(true)
  await carol.createCluster()
  await within(3000, kept.count(1))
  expect((await EventReader.open(other, '/events')).status).toBe(401)
  kept.cut()
})

test('an expired token and a disabled user end their streams', async () => {
  const [carol, dave] = [await server.user(), await server.user()]
  const expiresAt = new Date(server.clock.now().getTime() + HOUR_MS).toISOString()
  const { token } = (await carol.post('/tokens', { name: 'short', expires_at: expiresAt })).body as {
    token: string
  }
  const short = new Caller({ url: server.url, token, id: carol.id, username: carol.username })
  const streams = [await EventReader.open(short, '/events'), await EventReader.open(dave, '/events')]
  server.clock.advance(HOUR_MS)
  // By an operator's command in another process, of which this server hears nothing on SQLite.
  await new Users(server.database, server.clock.now).disable(dave.username)
  await within(8000, Promise.all(streams.map(stream => stream.closed)))
  expect(streams.map(({ hasEnded }) => hasEnded)).toEqual([true, true])
})

test('clients that go leave nothing behind, and too many are refused', async () => {
  const carol = await server.user()
  const openCount = async () =>
    Number(/^clusters_open_streams (\d+)$/m.exec((await carol.get('/metrics')).text)?.[1])
  const before = await openCount()
  const streams = await Promise.all(
    Array.from({ length: MAX_STREAMS }, () => EventReader.open(carol, '/events')),
  )
  expect(streams.filter(({ status }) => status === 200)).toHaveLength(MAX_STREAMS)
  expect(await openCount()).toBe(before + MAX_STREAMS)
  const refused = await carol.get('/events', { headers: { accept: 'text/event-stream' } })
  expectProblem(refused, 'too-many-streams')
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  // Those of one user are not those of another; and a list is no stream.
  expect((await carol.get('/events')).status).toBe(200)
  const other = await EventReader.open(await server.user(), '/events')
  expect(other.status).toBe(200)
  for (const stream of [...streams, other]) stream.cut()
  await expect.poll(openCount).toBe(before)
  const again = await EventReader.open(carol, '/events')
  expect(again.status).toBe(200)
  again.cut()
})

test('HEAD answers with the headers of the stream, and ends', async () => {
  const { id } = await alice.createCluster()
  for (const [path, accept] of [
    ['/events', 'text/event-stream'],
    [`/clusters/${id}/events`, 'Text/Event-Stream'],
  ] as const) {
    const answer = await alice.call('HEAD', path, { headers: { accept } })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8'])
  }
})

test.each(['x', '-1', '01', '1.5', '1e3', '99999999999999999', '1, 2', '0x1'])(
  'refuses %s as Last-Event-ID',
  async id => {
    const headers = { accept: 'text/event-stream', 'last-event-id': id }
    expect(errorsOf(await alice.get('/events', { headers }))).toEqual({
      'Last-Event-ID': ['must be the number of an event, or 0 for all of them'],
    })
  },
)

test('refuses the parameters of a list', async () => {
  const errors = errorsOf(await alice.get('/events?limit=1', { headers: { accept: 'text/event-stream' } }))
  expect(errors).toEqual({ limit: ['is not for a stream'] })
})

test('a server that stops ends its streams in time, also of those who do not read', async () => {
  const own = await startServer()
  const carol = await own.user()
  const readers = [await EventReader.open(carol, '/events'), await EventReader.open(carol, '/events', 0)]
  const { id } = await carol.createCluster()
  await recordLaunch(own.database, { clusterId: id, creatorId: carol.id })
  readers.push(await EventReader.open(carol, `/clusters/${id}/events`))
  const waiting = carol.get(`/clusters/${id}?wait_for=running&timeout=600`)
  const deaf = await EventReader.open(carol, '/events', 0)
  deaf.pause()
  const startedAt = performance.now()
  await own.stop()
  expect(performance.now() - startedAt).toBeLessThan(3000)
  await Promise.all(readers.map(reader => reader.closed))
  expect(readers.map(({ hasEnded }) => hasEnded)).toEqual([true, true, true])
  expect(await waiting).toMatchObject({ status: 200, body: { id, status: 'pending' } })
  expect(idsOf(readers[1]?.events ?? [])).toHaveLength(1)
})
