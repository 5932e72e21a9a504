import { afterAll, beforeAll, expect, test } from 'vitest'
import { Caller } from '../support/caller.ts'
import { authTokenOf, getCsrf, logIn } from '../support/log-in.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test.each(['/token/logout/', '/token/logout'])(
  '%s answers 204 without a body, and the token is dead',
  async path => {
    const alice = await server.user()
    const answer = await alice.post(path)
    expect(answer.status).toBe(204)
    expect(answer.text).toBe('')
    expectProblem(await alice.get('/users/me'), 'not-authenticated')
    expectProblem(await alice.post('/token/logout/'), 'not-authenticated')
  },
)

test('kills just that token: others of the same user live on', async () => {
  const alice = await server.user()
  const csrf = await getCsrf(alice)
  const other = authTokenOf(await logIn(server.nobody, csrf, { username: alice.username }))
  const named = (await alice.post('/tokens', { name: 'nightly' })).body as { token: string }
  await alice.post('/token/logout/')
  expect((await alice.get('/users/me')).status).toBe(401)
  for (const token of [other, named.token]) {
    expect((await new Caller({ url: server.url, token }).get('/users/me')).status).toBe(200)
  }
})

test('of two at once, the second finds the token dead or dying: 204 or 401', async () => {
  const alice = await server.user()
  const answers = await Promise.all([alice.post('/token/logout'), alice.post('/token/logout')])
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
  expect([
    [204, 204],
    [204, 401],
  ]).toContainEqual(statuses)
})

test('takes an empty body of JSON, as some clients send it', async () => {
  const alice = await server.user()
  const answer = await alice.post('/token/logout/', undefined, {
    headers: { 'content-type': 'application/json' },
  })
  expect(answer.status).toBe(204)
})

test('needs no CSRF value: a browser sends no token by itself', async () => {
  const alice = await server.user()
  const answer = await alice.post('/token/logout/', undefined, {
    headers: { cookie: `csrftoken=${'A'.repeat(43)}` },
  })
  expect(answer.status).toBe(204)
})

test('answers 401 without a token', async () => {
  expectProblem(await server.nobody.post('/token/logout/'), 'not-authenticated')
})

test('a request that is refused does not kill the token', async () => {
  const alice = await server.user()
  expect(errorsOf(await alice.post('/token/logout?all=1'))).toEqual({ all: ['is not a known parameter'] })
  expect((await alice.get('/users/me')).status).toBe(200)
})
