/** How a token travels, and what is said to who has none. Holds for every operation that is not open. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS, HOUR_MS } from '../../src/lib/clock.ts'
import { Users } from '../../src/service/users.ts'
import { Caller } from '../support/caller.ts'
import { authTokenOf, getCsrf, logIn } from '../support/log-in.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

const get = (headers: Record<string, string | string[]>, path = '/users/me') =>
  server.nobody.get(path, { headers })
const token = () => alice.token ?? ''

test.each([
  ['authentication', 'Token '],
  ['authorization', 'Token '],
  ['authorization', 'Bearer '],
  ['authentication', 'Bearer '],
  ['Authentication', 'token '],
  ['AUTHORIZATION', 'BEARER '],
  ['authorization', 'Token   '],
])('takes the token from the header %s after "%s"', async (header, scheme) => {
  const answer = await get({ [header]: scheme + token() })
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({ id: alice.id })
})

test('takes both headers when they hold the same token', async () => {
  const both = { authentication: `Token ${token()}`, authorization: `Bearer ${token()}` }
  expect((await get(both)).status).toBe(200)
})

test('refuses both headers when they differ, also when one is valid', async () => {
  const message = 'differs from the header Authorization; send one of them'
  for (const other of [`Token ${betty.token}`, 'Token nonsense', 'Basic YTpi', 'Token', '']) {
    for (const [one, two] of [
      ['authentication', 'authorization'],
      ['authorization', 'authentication'],
    ] as const) {
      expect(errorsOf(await get({ [one]: `Token ${token()}`, [two]: other }))).toEqual({
        Authentication: [message],
      })
    }
  }
})

test('answers 401 with WWW-Authenticate: Token to who has no token', async () => {
  const answer = await server.nobody.get('/clusters/')
  expectProblem(answer, 'not-authenticated')
  expect(answer.headers['www-authenticate']).toBe('Token')
})

const NO_TOKENS = [
  '',
  'Token',
  'Token ',
  'Bearer ',
  'Token nonsense',
  'Basic YWxpY2U6aHVudGVyMg==',
  'Digest x',
]
test.each([
  ...NO_TOKENS,
  `Token clu_${'A'.repeat(43)}`,
  `Token ${'x'.repeat(8000)}`,
  "Token clu_' or 1=1 --",
  'Token null',
])('answers 401 to the header "%s"', async value => {
  for (const header of ['authorization', 'authentication']) {
    const answer = await get({ [header]: value })
    expectProblem(answer, 'not-authenticated')
    expect(answer.headers['www-authenticate']).toBe('Token')
  }
})

test('takes a token to the letter', async () => {
  const value = token()
  const flipped = value.slice(0, -1) + (value.endsWith('A') ? 'B' : 'A')
  for (const wrong of [
    value.slice(0, -1),
    `${value}A`,
    flipped,
    value.toUpperCase(),
    value.replace('clu_', ''),
  ]) {
    expectProblem(await get({ authorization: `Token ${wrong}` }), 'not-authenticated')
  }
})

test('takes no token from the address, a cookie or another header', async () => {
  const value = token()
  expect((await server.nobody.get(`/users/me?token=${value}`)).status).toBe(401)
  expect((await get({ cookie: `token=${value}; auth_token=${value}; session=${value}` })).status).toBe(401)
  expect((await get({ 'x-auth-token': value, 'x-forwarded-user': 'user-1' })).status).toBe(401)
})

test('says the same of a token that is unknown, revoked, expired, or of a disabled user', async () => {
  const carol = await server.user()
  const issue = async (body: object) =>
    (await carol.post('/tokens', body)).body as { id: number; token: string }
  const expiresAt = new Date(server.clock.now().getTime() + HOUR_MS).toISOString()
  const [revoked, expired] = [await issue({ name: 'r' }), await issue({ name: 'e', expires_at: expiresAt })]
  await carol.delete(`/tokens/${revoked.id}`)
  server.clock.advance(HOUR_MS)
  const dave = await server.user()
  await new Users(server.database, server.clock.now).disable(dave.username)

  const unknown = withoutRequestId(await get({ authorization: `Token clu_${'A'.repeat(43)}` }))
  for (const value of [revoked.token, expired.token, dave.token ?? '']) {
    const answer = await get({ authorization: `Token ${value}` })
    expectProblem(answer, 'not-authenticated')
    expect(withoutRequestId(answer)).toEqual(unknown)
  }
})

test('a disabled user’s token is dead at once, and lives again when they are enabled', async () => {
  const carol = await server.user()
  const users = new Users(server.database, server.clock.now)
  expect((await carol.get('/users/me')).status).toBe(200)
  await users.disable(carol.username)
  expectProblem(await carol.get('/users/me'), 'not-authenticated')
  expectProblem(await carol.post('/clusters', { creator: carol.id, cpus: 1, memory: 1 }), 'not-authenticated')
  await users.enable(carol.username)
  expect((await carol.get('/users/me')).status).toBe(200)
})

test('a login token lives 30 days', async () => {
  const { username, id } = await server.user()
  const loginToken = authTokenOf(await logIn(server.nobody, await getCsrf(server.nobody), { username }))
  const carol = new Caller({ url: server.url, token: loginToken, id, username })
  server.clock.advance(30 * DAY_MS - HOUR_MS)
  expect((await carol.get('/users/me')).status).toBe(200)
  server.clock.advance(HOUR_MS)
  expectProblem(await carol.get('/users/me'), 'not-authenticated')
  alice = await server.user()
})

test.each([
  ['GET', '/clusters/1'],
  ['GET', '/clusters/nonsense'],
  ['GET', '/clusters?limit=0&nonsense=1'],
  ['GET', '/metrics'],
  ['GET', '/nowhere'],
  ['PUT', '/clusters'],
  ['OPTIONS', '/clusters'],
  ['HEAD', '/clusters'],
  ['DELETE', '/tokens/1'],
])('asks %s %s for a token before anything else is said', async (method, path) => {
  const answer = await server.nobody.call(method, path)
  expect(answer.status).toBe(401)
  expect(answer.headers['allow']).toBeUndefined()
})

test.each([
  ['text/plain', 'abc'],
  ['application/json', '{nonsense'],
  ['application/json', Buffer.from([0xff])],
  ['application/json', 'x'.repeat(1_100_000)],
])('asks for a token before it looks at a body of %s', async (type, raw) => {
  for (const [method, path] of [
    ['POST', '/clusters'],
    ['POST', '/token/logout'],
    ['DELETE', '/clusters/1'],
    ['PUT', '/clusters'],
    ['POST', '/nowhere'],
  ] as const) {
    const answer = await server.nobody.call(method, path, { raw, headers: { 'content-type': type } })
    expect(`${method} ${path} ${answer.status}`).toBe(`${method} ${path} 401`)
  }
})

test.each([
  ...['/token/login', '/token/login/', '/healthz', '/healthz/', '/readyz', '/openapi.json', '/openapi.json/'],
  ...['/docs', '/docs/', '/problems/not-found', '/problems/not-found/'],
])('answers %s without a token', async path => {
  const answer = await server.nobody.get(path)
  expect(answer.status).toBe(200)
})
