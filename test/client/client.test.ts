/** The client against a real server: every result, and what goes wrong. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, ProblemError, unwrap, type Client } from '../../src/client/index.ts'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

let server: TestServer
let fake: FakeLauncher
let alice: Caller
let client: Client

beforeAll(async () => {
  server = await startServer({ launcher: clock => (fake = new FakeLauncher({ clock: clock.now })) })
  alice = await server.user()
  client = clientOf(alice)
})
afterAll(() => server.stop())

const clientOf = ({ token = '' }: Caller) => createClient({ url: server.url, token })

async function problemOf(result: Promise<{ ok: boolean }>): Promise<unknown> {
  const settled = await result
  expect(settled.ok).toBe(false)
  return (settled as unknown as { problem: unknown }).problem
}

describe('a client', () => {
  test('creates a cluster for its own user, and looks it up', async () => {
    const created = unwrap(await client.createCluster({ cpus: 2, memory: 4, name: 'etl' }))
    expect(created).toMatchObject({ creator: alice.id, cpus: 2, memory: 4, name: 'etl', status: 'pending' })
    expect(unwrap(await client.getCluster(created.id))).toEqual(created)
  })

  test('creates once, however often it asks with the same key', async () => {
    const options = { idempotencyKey: 'a key' }
    const first = unwrap(await client.createCluster({ cpus: 1, memory: 1 }, options))
    expect(unwrap(await client.createCluster({ cpus: 1, memory: 1 }, options))).toEqual(first)
  })

  test('gets what is refused as a result, with every faulty field', async () => {
    const problem = await problemOf(client.createCluster({ cpus: 17, memory: 0 }))
    expect(problem).toMatchObject({
      type: '/problems/invalid-request',
      status: 400,
      errors: { cpus: ['must be at most 16'], memory: ['must be greater than 0'] },
    })
    expect(await problemOf(client.getCluster(999_999))).toMatchObject({ type: '/problems/not-found' })
    const other = createClient({ url: server.url, token: 'clu_wrong' })
    expect(await problemOf(other.createCluster({ cpus: 1, memory: 1 }))).toMatchObject({ status: 401 })
  })

  test('walks through pages', async () => {
    const betty = clientOf(await server.user())
    const made = [1, 2, 3].map(async () => unwrap(await betty.createCluster({ cpus: 1, memory: 1 })).id)
    const ids = (await Promise.all(made)).toSorted((a, b) => b - a)
    const first = unwrap(await betty.listClusters({ limit: 2 }))
    const cursor = first.next ?? ''
    const second = unwrap(await betty.listClusters({ limit: 2, cursor }))
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids)
    expect(second.next).toBeUndefined()
  })

  test('changes, stops and deletes', async () => {
    const { id } = unwrap(await client.createCluster({ cpus: 1, memory: 1 }))
    await server.reconcile()
    expect(unwrap(await client.updateCluster(id, { workers: 3 }))).toMatchObject({ workers: 3 })
    await server.reconcile()
    expect(unwrap(await client.listWorkers(id))).toHaveLength(3)
    expect(unwrap(await client.stopCluster(id))).toMatchObject({ status: 'stopping' })
    await server.reconcile()
    expect(unwrap(await client.deleteCluster(id))).toBeUndefined()
    expect(await problemOf(client.getCluster(id))).toMatchObject({ status: 404 })
  })

  test('has tokens, usage, the offer, and what administrators do', async () => {
    const { id, token } = unwrap(await client.createToken('nightly'))
    expect(unwrap(await createClient({ url: server.url, token }).getMe()).id).toBe(alice.id)
    expect(unwrap(await client.listTokens()).items).toContainEqual(
      expect.objectContaining({ id, name: 'nightly' }),
    )
    unwrap(await client.deleteToken(id))
    expect(await problemOf(createClient({ url: server.url, token }).getMe())).toMatchObject({ status: 401 })
    expect(unwrap(await client.getUsage()).clusters.length).toBeGreaterThan(0)
    expect(unwrap(await client.getOffer()).runtimes.map(({ name }) => name)).toContain('idle')
    expect(await problemOf(client.admin.getEngine())).toMatchObject({
      type: '/problems/not-an-administrator',
    })
    const admin = clientOf(await server.user({ isAdministrator: true }))
    expect(unwrap(await admin.admin.getEngine()).engine).toBe(fake.engine)
    expect(unwrap(await admin.admin.disableUser(alice.id)).disabled_at).not.toBeNull()
    unwrap(await admin.admin.enableUser(alice.id))
  })
})

test('logs in with a password, and out again', async () => {
  const nobody = createClient({ url: server.url })
  const { auth_token: token } = unwrap(await nobody.login(alice.username, TEST_PASSWORD))
  const known = createClient({ url: `${server.url}/`, token: () => token })
  expect(unwrap(await known.getMe()).username).toBe(alice.username)
  unwrap(await known.logout())
  expect(await problemOf(known.getMe())).toMatchObject({ status: 401 })
  expect(await problemOf(nobody.login(alice.username, 'wrong'))).toMatchObject({
    type: '/problems/wrong-credentials',
  })
})

describe('waitFor', () => {
  test('resolves when the status is reached', async () => {
    const { id } = unwrap(await client.createCluster({ cpus: 1, memory: 1 }))
    const waiting = client.waitFor(id, 'running')
    await server.reconcile()
    expect(unwrap(await waiting).status).toBe('running')
  })

  test('resolves when it can be reached no more', async () => {
    const { id } = unwrap(
      await client.createCluster({ cpus: 1, memory: 1, runtime: 'command', command: ['x'] }),
    )
    const waiting = client.waitFor(id, 'stopped')
    await server.reconcile()
    for (const { spec } of fake.of(id)) fake.end(spec.id, { exitCode: 3 })
    await server.reconcile()
    expect(unwrap(await waiting)).toMatchObject({ status: 'failed', reason: 'worker_exited' })
    expect(unwrap(await client.waitFor(id, 'running')).status).toBe('failed')
  })

  test('rejects when it is aborted', async () => {
    const { id } = unwrap(await client.createCluster({ cpus: 1, memory: 1 }))
    const waiting = client.waitFor(id, 'running', { signal: AbortSignal.timeout(50) })
    await expect(waiting).rejects.toThrow(/abort|timeout/i)
  })

  test('of a cluster that is not there is a result', async () => {
    expect(await problemOf(client.waitFor(999_999, 'running'))).toMatchObject({ status: 404 })
  })
})

test('logs come as they are printed', async () => {
  const { id } = unwrap(await client.createCluster({ cpus: 1, memory: 1 }))
  await server.reconcile()
  const [worker] = fake.of(id)
  if (worker === undefined) throw new Error('a worker was asked for')
  worker.output = 'ünë\ntwo\n'
  const read = async (options = {}) => {
    let text = ''
    for await (const part of unwrap(await client.openLogs(id, options))) text += part
    return text
  }
  expect(await read()).toBe('ünë\ntwo\n')
  expect(await read({ tail: 1, worker: 0 })).toBe('two\n')
  expect(await problemOf(client.openLogs(id, { worker: 7 }))).toMatchObject({ status: 400 })
})

describe('what is no server of clusters', () => {
  test('nobody there', async () => {
    const lost = createClient({ url: 'http://127.0.0.1:9', token: 'x' })
    expect(await problemOf(lost.getMe())).toEqual({
      type: 'unreachable',
      title: 'Server unreachable',
      status: 0,
      detail: expect.stringMatching(/^http:\/\/127\.0\.0\.1:9 does not answer: .+\.$/) as unknown,
    })
    expect(await problemOf(lost.login('alice', 'x'))).toMatchObject({ type: 'unreachable' })
    expect(await problemOf(lost.openLogs(1))).toMatchObject({ type: 'unreachable' })
    expect(await problemOf(lost.createCluster({ cpus: 1, memory: 1 }))).toMatchObject({ type: 'unreachable' })
  })

  test.each([
    ['a page', 'text/html', '<h1>Bad gateway</h1>'],
    ['another JSON', 'application/json', '{"error": "no"}'],
    ['nothing', 'text/plain', ''],
  ])('a proxy that answers with %s', async (_, type, body) => {
    const proxy = createServer((_request, response) =>
      response.writeHead(502, { 'content-type': type }).end(body),
    )
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const problem = {
      status: 502,
      title: 'Bad Gateway',
      detail: expect.stringContaining('status 502') as unknown,
    }
    expect(await problemOf(createClient({ url, token: 'x' }).getMe())).toMatchObject(problem)
    expect(await problemOf(createClient({ url, token: 'x' }).openLogs(1))).toMatchObject(problem)
    proxy.close()
  })
})

test('unwrap throws the problem', async () => {
  const failed = await client.getCluster(999_999)
  expect(() => unwrap(failed)).toThrow(ProblemError)
  expect(() => unwrap(failed)).toThrow('There is no such cluster.')
})
