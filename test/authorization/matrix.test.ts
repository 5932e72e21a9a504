import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HOUR_MS } from '../../src/lib/clock.ts'
import { Caller } from '../support/caller.ts'
import { giveCredentials } from '../support/credentials.ts'
import { getSetCookie, getCsrf } from '../support/log-in.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

/** Who asks. `alice` created what is asked for; `administrator` is somebody else. */
const CALLERS = ['nobody', 'badToken', 'expiredToken', 'betty', 'alice', 'administrator'] as const
type CallerName = (typeof CALLERS)[number]

interface Thing {
  readonly id: number
}

/** How an operation is called, as alice would do it, and what each caller is answered. */
interface Row {
  readonly path: (made: Thing) => string
  /** Made by alice anew for each call. */
  readonly make?: 'cluster' | 'secured' | 'token' | 'user'
  readonly body?: (caller: Caller) => unknown
  readonly headers?: () => Record<string, string>
  readonly statuses: Readonly<Record<CallerName, number>>
}

const at = (path: string) => () => path

/** Who is asked for a token gets 401; the others as given. */
const tokenOnly = (betty: number, alice: number, administrator: number): Row['statuses'] => ({
  nobody: 401,
  badToken: 401,
  expiredToken: 401,
  ...{ betty, alice, administrator },
})
const administratorsOnly = (status: number) => tokenOnly(403, 403, status)
const open = (status: number): Row['statuses'] => ({
  ...{ nobody: status, badToken: status, expiredToken: status },
  ...{ betty: status, alice: status, administrator: status },
})

let csrfHeaders: Record<string, string>

const MATRIX: Readonly<Record<string, Row>> = {
  createCluster: {
    path: at('/clusters'),
    body: ({ id }) => ({ creator: id, cpus: 1, memory: 1 }),
    statuses: tokenOnly(201, 201, 201),
  },
  listClusters: { path: at('/clusters'), statuses: tokenOnly(200, 200, 200) },
  getCluster: { make: 'cluster', path: ({ id }) => `/clusters/${id}`, statuses: tokenOnly(404, 200, 404) },
  deleteCluster: { make: 'cluster', path: ({ id }) => `/clusters/${id}`, statuses: tokenOnly(404, 204, 404) },
  updateCluster: {
    make: 'cluster',
    path: ({ id }) => `/clusters/${id}`,
    body: () => ({ name: 'other' }),
    statuses: tokenOnly(404, 200, 404),
  },
  stopCluster: {
    make: 'cluster',
    path: ({ id }) => `/clusters/${id}/stop`,
    statuses: tokenOnly(404, 202, 404),
  },
  listEvents: { path: at('/events'), statuses: tokenOnly(200, 200, 200) },
  listClusterEvents: {
    make: 'cluster',
    path: ({ id }) => `/clusters/${id}/events`,
    statuses: tokenOnly(404, 200, 404),
  },
  listWorkers: {
    make: 'cluster',
    path: ({ id }) => `/clusters/${id}/workers`,
    statuses: tokenOnly(404, 200, 404),
  },
  getCredentials: {
    make: 'secured',
    path: ({ id }) => `/clusters/${id}/credentials`,
    statuses: tokenOnly(404, 200, 404),
  },
  getLogs: { make: 'cluster', path: ({ id }) => `/clusters/${id}/logs`, statuses: tokenOnly(404, 200, 404) },
  listRuntimes: { path: at('/runtimes'), statuses: tokenOnly(200, 200, 200) },
  listTokens: { path: at('/tokens'), statuses: tokenOnly(200, 200, 200) },
  createToken: { path: at('/tokens'), body: () => ({ name: 'x' }), statuses: tokenOnly(201, 201, 201) },
  deleteToken: { make: 'token', path: ({ id }) => `/tokens/${id}`, statuses: tokenOnly(404, 204, 404) },
  getClusterUsage: {
    make: 'cluster',
    path: ({ id }) => `/clusters/${id}/usage`,
    statuses: tokenOnly(404, 200, 404),
  },
  getUsage: { path: at('/usage'), statuses: tokenOnly(200, 200, 200) },
  getMe: { path: at('/users/me'), statuses: tokenOnly(200, 200, 200) },
  listUsers: { path: at('/admin/users'), statuses: administratorsOnly(200) },
  updateUser: {
    make: 'user',
    path: ({ id }) => `/admin/users/${id}`,
    body: () => ({ quota: null }),
    statuses: administratorsOnly(200),
  },
  disableUser: {
    make: 'user',
    path: ({ id }) => `/admin/users/${id}/disable`,
    statuses: administratorsOnly(200),
  },
  enableUser: {
    make: 'user',
    path: ({ id }) => `/admin/users/${id}/enable`,
    statuses: administratorsOnly(200),
  },
  listAllClusters: { path: at('/admin/clusters'), statuses: administratorsOnly(200) },
  stopAnyCluster: {
    make: 'cluster',
    path: ({ id }) => `/admin/clusters/${id}/stop`,
    statuses: administratorsOnly(202),
  },
  getEngine: { path: at('/admin/engine'), statuses: administratorsOnly(200) },
  getAllUsage: { path: at('/admin/usage'), statuses: administratorsOnly(200) },
  listAudit: { path: at('/admin/audit'), statuses: administratorsOnly(200) },
  getMetrics: { path: at('/metrics'), statuses: tokenOnly(200, 200, 200) },
  logout: { path: at('/token/logout'), statuses: tokenOnly(204, 204, 204) },
  endSession: { path: at('/session'), statuses: tokenOnly(204, 204, 204) },
  startLogin: { path: at('/token/login'), statuses: open(200) },
  login: {
    path: at('/token/login'),
    body: () => ({ username: 'alice', password: TEST_PASSWORD }),
    headers: () => csrfHeaders,
    statuses: open(200),
  },
  startSession: {
    path: at('/session'),
    body: () => ({ username: 'alice', password: TEST_PASSWORD }),
    headers: () => csrfHeaders,
    statuses: open(204),
  },
  getHealth: { path: at('/healthz'), statuses: open(200) },
  getReadiness: { path: at('/readyz'), statuses: open(200) },
  getOpenApi: { path: at('/openapi.json'), statuses: open(200) },
  getProblemPage: { path: at('/problems/not-found'), statuses: open(200) },
}

const operations = readFileSync(new URL('../../operations.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => {
    const [method = '', path = '', id = '', access = ''] = line.split(/\s+/)
    return { method, path, id, access }
  })

function rowOf(id: string): Row {
  const row = Object.hasOwn(MATRIX, id) ? MATRIX[id] : undefined
  if (row === undefined) {
    throw new Error(
      `The operation ${id} of operations.txt has no row in MATRIX: add one to ${import.meta.filename}, with ` +
        'how alice calls it and the status that each caller is to get.',
    )
  }
  return row
}

let server: TestServer
/** Makes what is asked for. */
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user({ username: 'alice' })
  betty = await server.user({ username: 'betty' })
  const csrf = await getCsrf(server.nobody)
  csrfHeaders = { cookie: csrf.cookie, 'x-csrf-token': csrf.value }
})
afterAll(() => server.stop())

/** The cookie of a session of alice. */
async function startSession(): Promise<string> {
  const body = { username: 'alice', password: TEST_PASSWORD }
  const answer = await server.nobody.post('/session', body, { headers: csrfHeaders })
  return getSetCookie(answer, 'clusters_session')
}

/** With a token of its own: some operations end it. */
async function freshCaller(name: CallerName): Promise<Caller> {
  const withToken = (caller: Caller, token: string) =>
    new Caller({ url: server.url, token, id: caller.id, username: caller.username })
  const issue = async (caller: Caller, fields: object) =>
    ((await caller.post('/tokens', { name: 'matrix', ...fields })).body as { token: string }).token

  const callers: Readonly<Record<CallerName, () => Promise<Caller>>> = {
    nobody: () => Promise.resolve(new Caller({ url: server.url, id: alice.id })),
    badToken: () => Promise.resolve(withToken(alice, `clu_${'A'.repeat(43)}`)),
    expiredToken: async () => {
      const expiresAt = new Date(server.clock.now().getTime() + HOUR_MS).toISOString()
      const token = await issue(alice, { expires_at: expiresAt })
      server.clock.advance(HOUR_MS)
      return withToken(alice, token)
    },
    alice: async () => withToken(alice, await issue(alice, {})),
    betty: async () => withToken(betty, await issue(betty, {})),
    administrator: () => server.user({ isAdministrator: true }),
  }
  return await callers[name]()
}

async function makeSecured(): Promise<Thing> {
  const cluster = await alice.createCluster()
  await giveCredentials(server, cluster.id)
  return cluster
}

async function make(kind: Row['make']): Promise<Thing> {
  if (kind === undefined) return { id: 0 }
  if (kind === 'cluster') return await alice.createCluster()
  if (kind === 'user') return await server.user()
  if (kind === 'secured') return await makeSecured()
  return (await alice.post('/tokens', { name: 'made' })).body as Thing
}

describe.each(operations)('$id ($method $path)', ({ method, id, access }) => {
  test.each(CALLERS)('%s', async name => {
    const row = rowOf(id)
    // The token of the caller comes first: an expired one takes an hour, and must not age what is made.
    const caller = await freshCaller(name)
    const body = row.body?.(caller)
    const answer = await caller.call(method, row.path(await make(row.make)), {
      ...(body === undefined ? {} : { body }),
      headers: row.headers?.() ?? {},
    })
    expect(answer.status).toBe(row.statuses[name])
    if (answer.status === 401) expect(answer.headers['www-authenticate']).toBe('Token')
  })

  test('the row agrees with operations.txt on whether it is open', () => {
    const { nobody, alice: creator } = rowOf(id).statuses
    expect(nobody === 401).toBe(access !== 'open')
    expect(creator === 403).toBe(access === 'administrator')
  })
})

test('no row is left over from an operation that is gone', () => {
  expect(Object.keys(MATRIX).toSorted()).toEqual(operations.map(({ id }) => id).toSorted())
})

test.each(['/token/login', '/session'])(
  '%s with the cookie but without the CSRF value is 403',
  async path => {
    const { cookie = '' } = csrfHeaders
    const body = { username: 'alice', password: TEST_PASSWORD }
    expect((await server.nobody.post(path, body, { headers: { cookie } })).status).toBe(403)
  },
)

describe.each(operations)('with alice’s session: $id ($method $path)', ({ method, id }) => {
  const callWith = async (headers: Record<string, string>) => {
    const row = rowOf(id)
    const body = row.body?.(alice)
    const path = row.path(await make(row.make))
    return await server.nobody.call(method, path, { ...(body === undefined ? {} : { body }), headers })
  }

  test('and the CSRF value, as with a token', async () => {
    const cookie = `${csrfHeaders['cookie']}; ${await startSession()}`
    expect((await callWith({ ...csrfHeaders, cookie })).status).toBe(rowOf(id).statuses.alice)
  })

  test('and without it: only what changes nothing', async () => {
    const cookie = await startSession()
    const { status } = await callWith({ cookie })
    expect(status).toBe(method === 'GET' ? rowOf(id).statuses.alice : 403)
  })
})

test.each(operations.filter(({ access }) => access !== 'open'))(
  'no cookie opens $id ($method $path)',
  async ({ method, id }) => {
    const row = rowOf(id)
    const cookie = `${csrfHeaders['cookie']}; token=${alice.token}; sessionid=${alice.token}`
    const body = row.body?.(alice)
    const answer = await server.nobody.call(method, row.path(await make(row.make)), {
      ...(body === undefined ? {} : { body }),
      headers: { ...csrfHeaders, cookie },
    })
    expect(answer.status).toBe(401)
  },
)
