import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/lib/clock.ts'
import { Caller } from '../support/caller.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

interface IssuedToken {
  readonly id: number
  readonly name: string
  readonly created_at: string
  readonly expires_at: string | null
  readonly last_used_at: string | null
  readonly token: string
}

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

async function create(fields: object, path = '/tokens'): Promise<IssuedToken> {
  const answer = await alice.post(path, fields)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body as IssuedToken
}

const use = (token: string) => new Caller({ url: server.url, token }).get('/users/me')
const inMs = (ms: number) => new Date(server.clock.now().getTime() + ms)

test('answers 201 with the token, valid until it is revoked, and it works', async () => {
  for (const path of ['/tokens', '/tokens/']) {
    const issued = await create({ name: 'nightly' }, path)
    expect(issued).toMatchObject({ name: 'nightly', expires_at: null, last_used_at: null })
    expect(issued.token.length).toBeGreaterThanOrEqual(40)
    expect((await use(issued.token)).body).toMatchObject({ id: alice.id })
  }
})

test('keeps of the token no more than its SHA-256', async () => {
  const issued = await create({ name: 'hashed' })
  const row = await server.database.reads
    .selectFrom('tokens')
    .selectAll()
    .where('id', '=', issued.id)
    .executeTakeFirstOrThrow()
  expect(row.hash).toBe(createHash('sha256').update(issued.token).digest('hex'))
  expect(JSON.stringify(row)).not.toContain(issued.token)
})

test('takes null for "until it is revoked", and names that are taken', async () => {
  const [one, other] = [await create({ name: 'same', expires_at: null }), await create({ name: 'same' })]
  expect(one.id).not.toBe(other.id)
  expect(one.expires_at).toBeNull()
})

test('a token is dead from its expiry on', async () => {
  const { token } = await create({ name: 'short', expires_at: inMs(HOUR_MS).toISOString() })
  server.clock.advance(HOUR_MS - 5 * SECOND_MS)
  expect((await use(token)).status).toBe(200)
  server.clock.advance(5 * SECOND_MS)
  expectProblem(await use(token), 'not-authenticated')
})

test.each([
  ['2099-02-23T10:00:00Z', '2099-02-23T10:00:00.000Z'],
  ['2099-02-23T10:00:00.1234567Z', '2099-02-23T10:00:00.123Z'],
  ['2099-02-23T10:00:00+02:00', '2099-02-23T08:00:00.000Z'],
  ['2099-12-31T23:00:00-05:30', '2100-01-01T04:30:00.000Z'],
])('keeps the time %s as UTC', async (expiresAt, stored) => {
  expect((await create({ name: 'zones', expires_at: expiresAt })).expires_at).toBe(stored)
})

test('an expiry at the end of all times is a time that works, or is refused', async () => {
  for (const expiresAt of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59-12:00']) {
    const answer = await alice.post('/tokens', { name: 'for ever', expires_at: expiresAt })
    if (answer.status === 400) continue
    const issued = answer.body as IssuedToken
    expect(issued.expires_at).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect((await use(issued.token)).status).toBe(200)
    expect((await alice.get('/tokens')).text).toContain(`"id":${issued.id},`)
  }
})

test.each(['x', 'x'.repeat(100), '😀'.repeat(100), 'Grüße, "nightly" \\ <b>', ' '])(
  'takes the name %j',
  async name => {
    expect((await create({ name })).name).toBe(name)
  },
)

test('a token can do what its user can, making tokens included', async () => {
  const { token } = await create({ name: 'first' })
  const answer = await new Caller({ url: server.url, token }).post('/tokens', { name: 'second' })
  expect(answer.status).toBe(201)
})

const NAME_RULE = 'must be 1 to 100 characters, without control characters'
test.each([
  ['empty', ''],
  ['of 101 characters', 'x'.repeat(101)],
  ['with a NUL', 'a\0b'],
  ['with a line break', 'a\nb'],
  ['with half of a surrogate pair', 'a\ud800'],
  ['null', null],
  ['a number', 7],
  ['an array', ['x']],
])('refuses a name that is %s', async (_name, name) => {
  expect(errorsOf(await alice.post('/tokens', { name }))).toEqual({ name: [NAME_RULE] })
})

test.each([
  ['no time', 'tomorrow'],
  ['a date alone', '2099-01-01'],
  ['a time without a zone', '2099-01-01T00:00:00'],
  ['a day that is not there', '2099-02-30T00:00:00Z'],
  ['a number', 4_070_908_800],
  ['a text of a number', '4070908800'],
  ['empty', ''],
  ['false', false],
  ['now', () => inMs(0).toISOString()],
  ['past', () => inMs(-DAY_MS).toISOString()],
  ['long past', '0000-01-01T00:00:00Z'],
])('refuses an expiry that is %s', async (_name, given) => {
  const expiresAt = typeof given === 'function' ? given() : given
  const errors = errorsOf(await alice.post('/tokens', { name: 'x', expires_at: expiresAt }))
  expect(Object.keys(errors)).toEqual(['expires_at'])
})

test('names all faulty fields at once, unknown ones included', async () => {
  const errors = errorsOf(await alice.post('/tokens', { expires_at: 'x', expiry: 1, scope: 'all' }))
  expect(Object.keys(errors).toSorted()).toEqual(['expires_at', 'expiry', 'name', 'scope'])
  expect(errors['name']).toEqual(['is required'])
})

test('refuses a body that is no object', async () => {
  expect(errorsOf(await alice.post('/tokens', ['name']))).toEqual({ body: ['must be a JSON object'] })
  expect(errorsOf(await alice.post('/tokens'))).toEqual({ body: ['must be a JSON object'] })
})
