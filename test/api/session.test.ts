import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY_MS, MINUTE_MS } from '../../src/lib/clock.ts'
import type { Answer, Caller } from '../support/caller.ts'
import { getCsrf, getSetCookie, type Csrf } from '../support/log-in.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

let server: TestServer
let csrf: Csrf

beforeAll(async () => {
  server = await startServer()
  csrf = await getCsrf(server.nobody)
})
afterAll(() => server.stop())

function logIn(username: string, fields: Record<string, unknown> = {}): Promise<Answer> {
  const headers = { cookie: csrf.cookie, 'x-csrf-token': csrf.value }
  return server.nobody.post('/session', { username, password: TEST_PASSWORD, ...fields }, { headers })
}

/** What a page sends after a login. */
async function startSession({ username }: Caller): Promise<{ cookie: string; 'x-csrf-token': string }> {
  const session = getSetCookie(await logIn(username), 'clusters_session')
  return { cookie: `${csrf.cookie}; ${session}`, 'x-csrf-token': csrf.value }
}

describe('POST /session', () => {
  test('answers 204, and keeps the token where no script and no other site reaches it', async () => {
    const { username } = await server.user()
    const answer = await logIn(username)
    expect(answer.status).toBe(204)
    expect(answer.text).toBe('')
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^clusters_session=clu_[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/,
      ),
    ])
  })

  test('its token is listed, and is the one in use', async () => {
    const alice = await server.user()
    const headers = await startSession(alice)
    const { body } = await server.nobody.get('/tokens', { headers })
    expect(body).toMatchObject([{ name: 'dashboard', current: true }, { current: false }])
  })

  test('a wrong password is 400, without a cookie', async () => {
    const { username } = await server.user()
    const answer = await logIn(username, { password: 'wrong' })
    expectProblem(answer, 'wrong-credentials')
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('tells every faulty field', async () => {
    const answer = await logIn('x', { username: 1, password: null, pasword: '' })
    expect(Object.keys(errorsOf(answer)).toSorted()).toEqual(['password', 'pasword', 'username'])
  })
})

describe('a session', () => {
  test('reads without a CSRF value, and changes with it', async () => {
    const alice = await server.user()
    const { cookie, ...value } = await startSession(alice)
    const request = { creator: alice.id, cpus: 1, memory: 1 }
    expect((await server.nobody.get('/users/me', { headers: { cookie } })).status).toBe(200)
    expectProblem(await server.nobody.post('/clusters', request, { headers: { cookie } }), 'csrf-failed')
    const wrong = { cookie, 'x-csrf-token': 'A'.repeat(43) }
    expectProblem(await server.nobody.post('/clusters', request, { headers: wrong }), 'csrf-failed')
    const made = await server.nobody.post('/clusters', request, { headers: { cookie, ...value } })
    expect(made.status).toBe(201)
    const { id } = made.body as { id: number }
    expectProblem(await server.nobody.delete(`/clusters/${id}`, { headers: { cookie } }), 'csrf-failed')
    expect((await server.nobody.delete(`/clusters/${id}`, { headers: { cookie, ...value } })).status).toBe(
      204,
    )
  })

  test('that is over is 401 and not 403, whatever the CSRF value', async () => {
    const headers = { cookie: `${csrf.cookie}; clusters_session=clu_${'A'.repeat(43)}` }
    expectProblem(await server.nobody.post('/clusters', {}, { headers }), 'not-authenticated')
    expectProblem(await server.nobody.get('/clusters', { headers }), 'not-authenticated')
  })

  test('gives way to a token in a header, which needs no CSRF value', async () => {
    const [alice, betty] = [await server.user(), await server.user()]
    const { cookie } = await startSession(alice)
    const answer = await betty.get('/users/me', { headers: { cookie } })
    expect(answer.body).toMatchObject({ id: betty.id })
    expect((await betty.post('/tokens', { name: 'x' }, { headers: { cookie } })).status).toBe(201)
    const other = { cookie, authorization: 'Basic YTpi' }
    expectProblem(await server.nobody.get('/users/me', { headers: other }), 'not-authenticated')
  })

  test('ends after its 7 days', async () => {
    const headers = await startSession(await server.user())
    server.clock.advance(7 * DAY_MS - MINUTE_MS)
    expect((await server.nobody.get('/users/me', { headers })).status).toBe(200)
    server.clock.advance(MINUTE_MS)
    expectProblem(await server.nobody.get('/users/me', { headers }), 'not-authenticated')
  })
})

describe('DELETE /session', () => {
  test('ends it, and has the browser forget it', async () => {
    const headers = await startSession(await server.user())
    const answer = await server.nobody.delete('/session', { headers })
    expect(answer.status).toBe(204)
    expect(answer.headers['set-cookie']).toEqual([
      'clusters_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict',
    ])
    expectProblem(await server.nobody.get('/users/me', { headers }), 'not-authenticated')
  })

  test('needs the CSRF value', async () => {
    const { cookie } = await startSession(await server.user())
    expectProblem(await server.nobody.delete('/session', { headers: { cookie } }), 'csrf-failed')
    expect((await server.nobody.get('/users/me', { headers: { cookie } })).status).toBe(200)
  })

  test('with a token revokes that, and no session', async () => {
    const alice = await server.user()
    const { cookie } = await startSession(alice)
    expect((await alice.delete('/session', { headers: { cookie } })).status).toBe(204)
    expect((await alice.get('/users/me')).status).toBe(401)
    expect((await server.nobody.get('/users/me', { headers: { cookie } })).status).toBe(200)
  })
})
