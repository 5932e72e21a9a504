/** POST /token/login: several at once, and one that is under way while something changes. */
import { pbkdf2Sync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { findAccount } from '../../src/database/users.ts'
import { MINUTE_MS } from '../../src/lib/clock.ts'
import { PasswordHasher } from '../../src/lib/password.ts'
import { Users } from '../../src/service/users.ts'
import { Caller, type Answer } from '../support/caller.ts'
import { authTokenOf, getCsrf, type Csrf } from '../support/log-in.ts'
import { expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

let server: TestServer
let users: Users
let csrf: Csrf
// Another than the server's: it must not wait behind the logins that hold the server's up.
const passwords = new PasswordHasher()
let count = 0

beforeAll(async () => {
  // A proxy, so that a test can log in from several addresses.
  server = await startServer({ settings: { CLUSTERS_TRUST_PROXY: '127.0.0.1' } })
  users = new Users(server.database, server.clock.now)
  csrf = await getCsrf(server.nobody)
})
// A test begins in a minute of its own.
beforeEach(() => {
  server.clock.advance(2 * MINUTE_MS)
})
afterAll(async () => {
  await server.stop()
  await passwords.close()
})

const login = (username: string, password: string, address = '192.0.2.1') =>
  server.nobody.post(
    '/token/login/',
    { username, password },
    { headers: { cookie: csrf.cookie, 'x-csrf-token': csrf.value, 'x-forwarded-for': address } },
  )

const together = (times: number, begin: (index: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: times }, (_, index) => begin(index)))

const me = async (token: string) => await new Caller({ url: server.url, token }).get('/users/me')

const SWORDFISH = 'swordfish'

/** As Django stores a password. */
function djangoHash(password: string, iterations: number): string {
  const digest = pbkdf2Sync(password, 'salt', iterations, 32, 'sha256').toString('base64')
  return `pbkdf2_sha256$${iterations}$salt$${digest}`
}

/** A hash that no password belongs to; it costs as much to find that out. */
const hopelessHash = (iterations: number) =>
  `pbkdf2_sha256$${iterations}$salt$${Buffer.alloc(32, 1).toString('base64')}`

/** A user who came from Django. */
async function addUser(password: string): Promise<string> {
  count += 1
  const username = `from-django-${count}`
  await users.addWithHash({ username, password, isAdministrator: false })
  return username
}

const storedHash = async (username: string) => (await findAccount(server.database.reads, username))?.password

test('15 logins at once with the right password all succeed, each with a token of its own that works', async () => {
  const { username } = await server.user()
  const answers = await together(15, () => login(username, TEST_PASSWORD))
  const tokens = answers.map(authTokenOf)
  expect(new Set(tokens).size).toBe(15)
  for (const token of tokens) expect((await me(token)).body).toMatchObject({ username })
})

test('of 12 wrong ones at once for one user, 10 are wrong and 2 are too many', async () => {
  const { username } = await server.user()
  const answers = await together(12, () => login(username, 'wrong'))
  const wrong = answers.filter(({ status }) => status === 400)
  const tooMany = answers.filter(({ status }) => status === 429)
  expect([wrong.length, tooMany.length]).toEqual([10, 2])
  for (const answer of wrong) expectProblem(answer, 'wrong-credentials')
  for (const answer of tooMany) expectProblem(answer, 'too-many-login-failures')
})

test('9 wrong ones and 3 right ones at once: the right ones get in, whatever their turn', async () => {
  const { username } = await server.user()
  const answers = await together(12, index => login(username, index % 4 === 3 ? TEST_PASSWORD : 'wrong'))
  expect(answers.map(({ status }) => status)).toEqual(
    Array.from({ length: 12 }, (_, index) => (index % 4 === 3 ? 200 : 400)),
  )
})

// What is not the same tells who exists. A costly hash must not show: logins for one user wait for each other.
test('wrong ones at once are answered the same for an unknown user and for one with a costly hash', async () => {
  const [known, unknown] = [await addUser(hopelessHash(200_000)), 'nobody-at-all']
  const answersFor = async (username: string) => {
    const answers = await together(12, () => login(username, 'wrong'))
    return answers.toSorted((a, b) => a.status - b.status)
  }
  const [ofKnown, ofUnknown] = [await answersFor(known), await answersFor(unknown)]
  const told = (answers: readonly Answer[]) =>
    // Retry-After and its sentence tell the second it is, and nothing of the user.
    answers.map(answer => ({ ...withoutRequestId(answer), ...(answer.status === 429 ? { detail: '' } : {}) }))
  expect(ofKnown.map(({ status }) => status)).toEqual([...Array.from({ length: 10 }, () => 400), 429, 429])
  expect(told(ofUnknown)).toEqual(told(ofKnown))
})

test('many users at once, each with their own password, all get in from one address', async () => {
  const callers = await Promise.all(Array.from({ length: 12 }, () => server.user()))
  const answers = await together(12, index => login(callers[index]?.username ?? '', TEST_PASSWORD))
  const names = await Promise.all(answers.map(async answer => (await me(authTokenOf(answer))).body))
  expect(names).toMatchObject(callers.map(({ username }) => ({ username })))
})

/** Logins that fail, and keep the server's one thread for passwords busy for a while. */
async function holdUp(): Promise<Promise<Answer[]>[]> {
  const slow = await Promise.all(Array.from({ length: 4 }, () => addUser(hopelessHash(1_000_000))))
  const failing = Promise.all(slow.map(username => login(username, 'wrong')))
  // In a list: an async function would wait for a promise that it gives itself.
  return [failing]
}

/** Later requests over the same way have their answers: those before them have reached the password's check. */
async function letArrive(): Promise<void> {
  for (let time = 0; time < 5; time++) await server.nobody.get('/readyz')
}

test.each([
  ['our own hash', async () => (await server.user()).username, TEST_PASSWORD],
  ['a hash from Django', () => addUser(djangoHash(SWORDFISH, 1000)), SWORDFISH],
] as [string, () => Promise<string>, string][])(
  'a login that is under way when the password is changed gets no token (%s)',
  async (_name, add, password) => {
    const username = await add()
    // Its thread is started before it matters.
    await passwords.hash('warm')
    const [failing] = await holdUp()
    await letArrive()
    const order: string[] = []
    const underWay = login(username, password).finally(() => order.push('answered'))
    await letArrive()
    await users.setPassword(username, 'another password', passwords)
    order.push('changed')
    expectProblem(await underWay, 'wrong-credentials')
    expect(order).toEqual(['changed', 'answered'])
    await failing

    expect((await login(username, 'another password')).status).toBe(200)
    expectProblem(await login(username, password), 'wrong-credentials')
  },
)

test('a login that is under way when its user is disabled gets no token', async () => {
  const { username } = await server.user()
  const [failing] = await holdUp()
  await letArrive()
  const underWay = login(username, TEST_PASSWORD)
  await letArrive()
  await users.disable(username)
  expectProblem(await underWay, 'wrong-credentials')
  await failing
  await users.enable(username)
  expect((await login(username, TEST_PASSWORD)).status).toBe(200)
})

// For one user and one address they take turns; from two addresses, both have the old hash in hand.
test.each([
  ['one address', ['192.0.2.1', '192.0.2.1']],
  ['two addresses', ['192.0.2.1', '192.0.2.2']],
  ['eight addresses', Array.from({ length: 8 }, (_, index) => `192.0.2.${index + 1}`)],
])('the first logins of a user from Django, at once from %s, all succeed', async (_name, addresses) => {
  const username = await addUser(djangoHash(SWORDFISH, 1000))
  const answers = await together(addresses.length, index => login(username, SWORDFISH, addresses[index]))
  const tokens = answers.map(authTokenOf)
  expect(new Set(tokens).size).toBe(addresses.length)
  for (const token of tokens) expect((await me(token)).status).toBe(200)
  expect(await storedHash(username)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect((await login(username, SWORDFISH)).status).toBe(200)
})
