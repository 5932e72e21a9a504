/** POST /token/login: how many may fail, and what becomes of an old hash. */
import { pbkdf2Sync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { findAccount } from '../../src/database/users.ts'
import { MINUTE_MS, SECOND_MS } from '../../src/lib/clock.ts'
import { Users } from '../../src/service/users.ts'
import { getCsrf, logIn, type Csrf } from '../support/log-in.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let csrf: Csrf
let count = 0

beforeAll(async () => {
  server = await startServer()
  csrf = await getCsrf(server.nobody)
})
// A test begins in a minute of its own.
beforeEach(() => {
  server.clock.advance(2 * MINUTE_MS)
})
afterAll(() => server.stop())

const login = (username: string, password?: string) =>
  logIn(server.nobody, csrf, { username, ...(password === undefined ? {} : { password }) })

const fail = (username: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => login(username, 'wrong')))

/** A user as Django would have left them. */
async function addUser(password: string): Promise<string> {
  count += 1
  const username = `from-django-${count}`
  await new Users(server.database, server.clock.now).addWithHash({
    username,
    password,
    isAdministrator: false,
  })
  return username
}

const storedHash = async (username: string) => (await findAccount(server.database.reads, username))?.password

const djangoHash = (password: string) =>
  `pbkdf2_sha256$1000$salt$${pbkdf2Sync(password, 'salt', 1000, 32, 'sha256').toString('base64')}`

test('10 failures in a minute shut one user out from one address, even with the right password', async () => {
  const { username } = await server.user()
  for (const answer of await fail(username, 10)) expectProblem(answer, 'wrong-credentials')
  for (const password of ['wrong', undefined]) {
    const answer = await login(username, password)
    expectProblem(answer, 'too-many-login-failures')
    const seconds = Number(answer.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(60)
  }
})

test('another user from the same address still gets in', async () => {
  const [alice, betty] = [await server.user(), await server.user()]
  await fail(alice.username, 11)
  expectProblem(await login(alice.username), 'too-many-login-failures')
  expect((await login(betty.username)).status).toBe(200)
})

test('opens again after a minute', async () => {
  const { username } = await server.user()
  await fail(username, 10)
  server.clock.advance(50 * SECOND_MS)
  expectProblem(await login(username), 'too-many-login-failures')
  server.clock.advance(11 * SECOND_MS)
  expect((await login(username)).status).toBe(200)
})

test('after the time that Retry-After says, the right password gets in', async () => {
  const { username } = await server.user()
  await fail(username, 10)
  const seconds = Number((await login(username)).headers['retry-after'])
  server.clock.advance(seconds * SECOND_MS)
  expect((await login(username)).status).toBe(200)
})

test('more attempts at once than may fail do not slip through', async () => {
  const { username } = await server.user()
  const statuses = (await fail(username, 25)).map(({ status }) => status)
  expect(statuses.filter(status => status === 400)).toHaveLength(10)
  expect(statuses.filter(status => status === 429)).toHaveLength(15)
})

test('logins that succeed do not count', async () => {
  const { username } = await server.user()
  for (let time = 0; time < 11; time++) expect((await login(username)).status).toBe(200)
  await fail(username, 9)
  expect((await login(username)).status).toBe(200)
})

test('is said of a user that does not exist as of one that does', async () => {
  const { username } = await server.user()
  await Promise.all([fail(username, 10), fail('ghost', 10)])
  const [one, other] = [await login(username), await login('ghost')]
  expectProblem(one, 'too-many-login-failures')
  expect({ ...withoutRequestId(other), detail: '' }).toEqual({ ...withoutRequestId(one), detail: '' })
})

test('100 failures in a minute shut out an address, whoever it tries to be', async () => {
  const { username } = await server.user()
  await Promise.all(Array.from({ length: 25 }, (_, index) => fail(`guess-${index}`, 4)))
  expectProblem(await login(username), 'too-many-login-failures')
  server.clock.advance(MINUTE_MS + SECOND_MS)
  expect((await login(username)).status).toBe(200)
})

test('a hash from Django logs in, and is argon2id afterwards', async () => {
  const username = await addUser(djangoHash('swordfish'))
  expectProblem(await login(username, 'wrong'), 'wrong-credentials')
  expect(await storedHash(username)).toBe(djangoHash('swordfish'))
  expect((await login(username, 'swordfish')).status).toBe(200)
  const hash = await storedHash(username)
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect((await login(username, 'swordfish')).status).toBe(200)
  expect(await storedHash(username)).toBe(hash)
})

test.each(['!', '!x8fTp', '', 'md5$salt$abc', 'pbkdf2_sha256$99999999$salt$x', '$argon2id$damaged', 'plain'])(
  'nobody gets in with the stored password %j',
  async stored => {
    const username = await addUser(stored)
    const answers = await Promise.all(['', stored, 'swordfish'].map(password => login(username, password)))
    for (const answer of answers) expectProblem(answer, 'wrong-credentials')
    expect(await storedHash(username)).toBe(stored)
  },
)
