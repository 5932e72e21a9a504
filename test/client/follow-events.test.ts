/** The client's stream of events, over connections that break. */
import { createServer as createProxy, connect, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createClient,
  ProblemError,
  unwrap,
  type Client,
  type Event,
  type Problem,
} from '../../src/client/index.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let proxy: Server
let client: Client
const sockets = new Set<Socket>()

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  const { hostname, port } = new URL(server.url)
  proxy = createProxy(socket => {
    const onward = connect(Number(port), hostname)
    for (const each of [socket, onward]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => {
        socket.destroy()
        onward.destroy()
      })
    }
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const { port: proxyPort } = proxy.address() as AddressInfo
  client = createClient({ url: `http://127.0.0.1:${proxyPort}`, token: alice.token ?? '' })
})
afterAll(async () => {
  proxy.close()
  for (const socket of sockets) socket.destroy()
  await server.stop()
})

function cutAll(): void {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
}

test('leaves nothing out and repeats nothing, however often the connection breaks', async () => {
  const stop = new AbortController()
  const seen: Event[] = []
  const connections: (Problem | undefined)[] = []
  const made: number[] = []
  const create = async () => {
    made.push((await alice.createCluster()).id)
  }
  await create()
  await create()
  const first = unwrap(await client.listEvents()).items.at(-1)
  if (first === undefined) throw new Error('there are events')
  for await (const event of client.followEvents({
    after: first.id - 1,
    signal: stop.signal,
    onConnection: problem => connections.push(problem),
  })) {
    seen.push(event)
    if (seen.length === 2 || seen.length === 4) {
      cutAll()
      await create()
      await create()
    }
    if (seen.length === 6) stop.abort()
  }
  expect(seen.map(({ cluster }) => cluster)).toEqual(made)
  expect(connections.filter(problem => problem === undefined).length).toBeGreaterThanOrEqual(3)
})

test('of one cluster has only its own', async () => {
  const [one, other] = [await alice.createCluster(), await alice.createCluster()]
  await alice.delete(`/clusters/${other.id}`)
  await alice.post(`/clusters/${one.id}/stop`)
  const stop = new AbortController()
  const statuses: string[] = []
  for await (const event of client.followEvents({ cluster: one.id, after: 0, signal: stop.signal })) {
    statuses.push(`${event.cluster} ${event.status}`)
    if (event.status === 'stopped') stop.abort()
  }
  expect(statuses).toEqual([`${one.id} pending`, `${one.id} stopped`])
})

test('a refusal for good is thrown: nobody would hear of it else', async () => {
  const stranger = createClient({ url: server.url, token: 'clu_wrong' })
  await expect(stranger.followEvents().next()).rejects.toThrow(ProblemError)
  await expect(client.followEvents({ cluster: 999_999 }).next()).rejects.toThrow('There is no such cluster.')
})

test('a server that is away is tried again, until nobody wants to know', async () => {
  const away = createClient({ url: 'http://127.0.0.1:9', token: 'x' })
  const stop = new AbortController()
  const problems: (Problem | undefined)[] = []
  const onConnection = (problem: Problem | undefined) => {
    problems.push(problem)
    if (problems.length === 2) stop.abort()
  }
  const events = away.followEvents({ signal: stop.signal, onConnection })
  expect((await events.next()).done).toBe(true)
  expect(problems).toEqual([
    expect.objectContaining({ type: 'unreachable' }),
    expect.objectContaining({ type: 'unreachable' }),
  ])
})

test('an abort ends it while it waits', async () => {
  const stop = new AbortController()
  const events = client.followEvents({ signal: stop.signal })
  const next = events.next()
  setTimeout(() => {
    stop.abort()
  }, 100)
  expect((await next).done).toBe(true)
})
