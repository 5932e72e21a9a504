import { afterAll, beforeAll, expect, test } from 'vitest'
import { Users } from '../../src/service/users.ts'
import { Caller } from '../support/caller.ts'
import { authTokenOf, getCsrf, logIn, type Csrf } from '../support/log-in.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

let server: TestServer
let nobody: Caller
let csrf: Csrf

beforeAll(async () => {
  server = await startServer()
  nobody = server.nobody
  await server.user({ username: 'alice' })
  csrf = await getCsrf(nobody)
})
afterAll(() => server.stop())

const CREDENTIALS = { username: 'alice', password: TEST_PASSWORD }
const csrfHeaders = (header = 'x-csrf-token') => ({ cookie: csrf.cookie, [header]: csrf.value })

const postForm = (form: string, type = 'application/x-www-form-urlencoded') =>
  nobody.post('/token/login/', undefined, { raw: form, headers: { ...csrfHeaders(), 'content-type': type } })

const me = async (token: string) => (await new Caller({ url: server.url, token }).get('/users/me')).body

test('answers user name and password as JSON with a token of 40 characters or more, which works', async () => {
  const answer = await logIn(nobody, csrf, CREDENTIALS)
  expect(answer.status).toBe(200)
  const token = authTokenOf(answer)
  expect(answer.body).toEqual({ auth_token: token })
  expect(token.length).toBeGreaterThanOrEqual(40)
  expect(await me(token)).toMatchObject({ username: 'alice' })
})

test.each(['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded; charset=UTF-8'])(
  'takes a form (%s)',
  async type => {
    const answer = await postForm(new URLSearchParams(CREDENTIALS).toString(), type)
    expect(await me(authTokenOf(answer))).toMatchObject({ username: 'alice' })
  },
)

test('takes user names beyond ASCII, in a form too', async () => {
  const username = 'Jürgen 😀 + & = %'
  await server.user({ username })
  const answer = await postForm(new URLSearchParams({ username, password: TEST_PASSWORD }).toString())
  expect(await me(authTokenOf(answer))).toMatchObject({ username })
})

test('takes Django’s spelling X-CSRFToken, and no slash at the end', async () => {
  const answer = await nobody.post('/token/login', CREDENTIALS, { headers: csrfHeaders('X-CSRFToken') })
  expect(answer.status).toBe(200)
})

test('the CSRF value serves again: a login does not rotate it', async () => {
  for (let time = 0; time < 3; time++) {
    const answer = await logIn(nobody, csrf, CREDENTIALS)
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']).toBeUndefined()
  }
})

test('gives another token each time, and all of them work', async () => {
  const tokens = [
    authTokenOf(await logIn(nobody, csrf, CREDENTIALS)),
    authTokenOf(await logIn(nobody, csrf, CREDENTIALS)),
  ]
  expect(tokens[0]).not.toBe(tokens[1])
  for (const token of tokens) expect(await me(token)).toMatchObject({ username: 'alice' })
})

test('says the same of an unknown user, a wrong password and a disabled user', async () => {
  const carol = await server.user()
  await new Users(server.database, server.clock.now).disable(carol.username)
  const unknown = await logIn(nobody, csrf, { username: 'nobody' })
  expectProblem(unknown, 'wrong-credentials')
  for (const credentials of [{ username: 'alice', password: 'wrong' }, { username: carol.username }]) {
    const answer = await logIn(nobody, csrf, credentials)
    expectProblem(answer, 'wrong-credentials')
    expect(withoutRequestId(answer)).toEqual(withoutRequestId(unknown))
  }
})

test.each([
  ['a NUL in the user name', { username: 'alice\0' }],
  ['only a NUL', { username: '\0' }],
  ['half of a surrogate pair', { username: 'alice\ud800' }],
  ['the other half', { username: '\udc00' }],
  ['no user name', { username: '' }],
  ['no password', { username: 'alice', password: '' }],
  ['a NUL in the password', { username: 'alice', password: `${TEST_PASSWORD}\0` }],
  ['half of a surrogate pair in the password', { username: 'alice', password: '\udfff' }],
  ['capitals', { username: 'ALICE' }],
  ['a space behind the user name', { username: 'alice ' }],
  ['SQL', { username: "alice' --" }],
  ['__proto__', { username: '__proto__', password: '__proto__' }],
])('refuses %s as it does every wrong user or password', async (_name, credentials) => {
  expectProblem(await logIn(nobody, csrf, credentials), 'wrong-credentials')
})

test.each([
  ['user name', { username: undefined }, { username: ['is required'] }],
  ['password', { username: 'alice', password: undefined }, { password: ['is required'] }],
])('requires the %s', async (_name, credentials, errors) => {
  expect(errorsOf(await logIn(nobody, csrf, credentials))).toEqual(errors)
})

test.each([
  ['a number', { username: 1 }, { username: ['must be a text'] }],
  ['null', { username: 'alice', password: null }, { password: ['must be a text'] }],
  ['an array', { username: ['alice'] }, { username: ['must be a text'] }],
  ['151 characters', { username: 'x'.repeat(151) }, { username: ['must be at most 150 characters'] }],
  [
    '1025 characters',
    { username: 'a', password: 'x'.repeat(1025) },
    { password: ['must be at most 1024 characters'] },
  ],
  [
    'an unknown field',
    { username: 'alice', user: 'x' },
    { user: [expect.stringMatching(/^is not a known field/)] },
  ],
])('refuses %s', async (_name, credentials, errors) => {
  expect(errorsOf(await logIn(nobody, csrf, credentials))).toEqual(errors)
})

test('never repeats a password, not even in a body that is no JSON', async () => {
  const answers = [
    await postForm('username=alice&password=swordfish&password=swordfish'),
    await postForm('{"username":"alice","password":"swordfish"', 'application/json'),
    await logIn(nobody, csrf, { username: 'alice', password: ['swordfish'] }),
    await logIn(nobody, csrf, { username: 'alice', password: 'swordfish'.repeat(1000) }),
    await logIn(nobody, csrf, { username: 'alice', password: 'swordfish' }),
  ]
  for (const answer of answers) {
    expect(answer.status).toBe(400)
    expect(answer.text).not.toContain('swordfish')
  }
})

test.each([
  ['nothing', '', ['password', 'username']],
  ['a field twice', 'username=alice&username=betty&password=x', ['username']],
  ['an unknown field', 'username=alice&password=x&next=/', ['next']],
  ['a field in brackets', 'username[]=alice&password=x', ['username', 'username[]']],
])('refuses a form with %s', async (_name, form, fields) => {
  expect(Object.keys(errorsOf(await postForm(form))).toSorted()).toEqual(fields)
})

test('refuses a form that is not UTF-8', async () => {
  const answer = await nobody.post('/token/login', undefined, {
    raw: Buffer.from([0x75, 0x3d, 0xff]),
    headers: { ...csrfHeaders(), 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(errorsOf(answer)).toEqual({ body: ['is not UTF-8'] })
})

const other = 'A'.repeat(43)
test.each([
  ['neither cookie nor header', () => ({})],
  ['no cookie', () => ({ 'x-csrf-token': csrf.value })],
  ['no header', () => ({ cookie: csrf.cookie })],
  ['another value in the header', () => ({ cookie: csrf.cookie, 'x-csrf-token': other })],
  ['another value in the cookie', () => ({ cookie: `csrftoken=${other}`, 'x-csrf-token': csrf.value })],
  ['an empty value in both', () => ({ cookie: 'csrftoken=', 'x-csrf-token': '' })],
  ['the same value, but none of ours', () => ({ cookie: 'csrftoken=abc', 'x-csrf-token': 'abc' })],
  ['the value twice', () => ({ cookie: csrf.cookie, 'x-csrf-token': [csrf.value, csrf.value] })],
  ['the value beyond ASCII', () => ({ cookie: csrf.cookie, 'x-csrf-token': `${csrf.value.slice(1)}é` })],
])('answers 403 with %s, even when user name and password are right', async (_name, headers) => {
  expectProblem(await nobody.post('/token/login/', CREDENTIALS, { headers: headers() }), 'csrf-failed')
})

test('asks for the CSRF value before it says anything of user name and password', async () => {
  expectProblem(await nobody.post('/token/login/', { username: 1 }), 'csrf-failed')
})
