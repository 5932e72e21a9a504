/** Bodies: of whatever type where none is wanted, and what is said of one that is wanted and will not do. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Caller } from '../support/caller.ts'
import { getCsrf, logIn, type Csrf } from '../support/log-in.ts'
import { errorsOf, expectProblem, type ProblemBody } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let csrf: Csrf

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  csrf = await getCsrf(server.nobody)
})
afterAll(() => server.stop())

const FORM_TYPE = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

const postForm = (form: string) =>
  server.nobody.post('/token/login/', undefined, {
    raw: form,
    headers: { cookie: csrf.cookie, 'x-csrf-token': csrf.value, 'content-type': FORM_TYPE },
  })

const postCluster = (raw: string | Buffer, headers: Record<string, string>) =>
  alice.post('/clusters', undefined, { raw, headers })

const cluster = () => JSON.stringify({ creator: alice.id, cpus: 1, memory: 1 })

// Forms

const fields = (count: number) => Array.from({ length: count }, (_, index) => `field${index}=x`).join('&')

test.each([101, 5000, 50_000])(
  'refuses a login form with %d fields, and says how many it may have',
  async count => {
    expect(errorsOf(await postForm(fields(count)))).toEqual({ body: ['has more than 100 fields'] })
  },
)

test('a form of 100 fields is looked at: the answer names fields, not their number', async () => {
  const errors = errorsOf(await postForm(fields(100)))
  expect(errors).toMatchObject({ username: ['is required'], password: ['is required'] })
  expect(Object.keys(errors)).not.toContain('body')
})

test.each([
  ['username', 'username=alice&username=betty&password=x'],
  ['password', 'username=alice&password=x&password=x'],
  ['next', 'next=a&next=b'],
  ['', '=a&=b'],
  ['a b', 'a+b=1&a%20b=2'],
])('names the field %j of a form that is there twice', async (name, form) => {
  expect(errorsOf(await postForm(form))).toEqual({ [name]: ['is there more than once'] })
})

test('names a field called __proto__ that is there twice as any other', async () => {
  const answer = await postForm('__proto__=a&__proto__=b')
  expect(answer.status).toBe(400)
  expect(answer.text).toContain('"errors":{"__proto__":["is there more than once"]}')
})

test('bounds its answer when the name that is there twice is very long', async () => {
  const name = 'x'.repeat(200_000)
  const answer = await postForm(`${name}=1&${name}=2`)
  expect(errorsOf(answer)).toEqual({ ['x'.repeat(100)]: ['is there more than once'] })
})

// The CSRF value

test.each([
  ['no JSON', JSON_TYPE, '{nonsense'],
  ['no body at all', JSON_TYPE, ''],
  ['a form with thousands of fields', FORM_TYPE, fields(5000)],
  ['text', 'text/plain', 'username=alice'],
  ['multipart', 'multipart/form-data; boundary=x', '--x--'],
  ['a type that is nonsense', ';;;', 'x'],
  ['another charset', 'application/json; charset=utf-16', '{}'],
])('a login without the CSRF value is 403, even with %s', async (_name, type, raw) => {
  const answer = await server.nobody.post('/token/login/', undefined, {
    raw,
    headers: { 'content-type': type },
  })
  expectProblem(answer, 'csrf-failed')
})

// Operations that take no body

const BODIES: readonly [string, Record<string, string>, string][] = [
  ['an empty form', { 'content-type': FORM_TYPE }, ''],
  ['an empty text', { 'content-type': 'text/plain' }, ''],
  ['an empty JSON', { 'content-type': JSON_TYPE }, ''],
  ['a form', { 'content-type': FORM_TYPE }, 'a=1&a=2'],
  ['a text', { 'content-type': 'text/plain' }, 'please'],
  ['what is no JSON', { 'content-type': JSON_TYPE }, '{nonsense'],
  ['JSON of another charset', { 'content-type': 'application/json; charset=utf-16' }, '{}'],
  ['a compressed body', { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' }, 'x'],
  ['a body of no type', {}, 'please'],
]

const NO_BODY: readonly [string, () => Promise<{ caller: Caller; method: string; path: string }>][] = [
  [
    'POST /token/logout',
    async () => ({ caller: await server.user(), method: 'POST', path: '/token/logout' }),
  ],
  [
    'DELETE /clusters/:id',
    async () => ({ caller: alice, method: 'DELETE', path: `/clusters/${(await alice.createCluster()).id}` }),
  ],
  [
    'DELETE /tokens/:id',
    async () => {
      const { id } = (await alice.post('/tokens', { name: 'nightly' })).body as { id: number }
      return { caller: alice, method: 'DELETE', path: `/tokens/${id}` }
    },
  ],
]

test.each(
  NO_BODY.flatMap(([operation, prepare]) => BODIES.map(body => [operation, prepare, ...body] as const)),
)('%s passes over the body, and answers 204: $2', async (_operation, prepare, _name, headers, raw) => {
  const { caller, method, path } = await prepare()
  const answer = await caller.call(method, path, { raw, headers })
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 204, text: '' })
})

test('a body over 1 MiB is refused even where none is wanted, and nothing is done', async () => {
  const { id } = await alice.createCluster()
  const raw = 'x'.repeat(1024 * 1024 + 1)
  const answer = await alice.delete(`/clusters/${id}`, { raw, headers: { 'content-type': 'text/plain' } })
  expectProblem(answer, 'body-too-large')
  expect((await alice.get(`/clusters/${id}`)).status).toBe(200)
})

// Media types, charsets and codings

test('answers 415 to a text on /clusters, however much it looks like JSON', async () => {
  const before = (await alice.get('/clusters')).body
  const problem = expectProblem(
    await postCluster(cluster(), { 'content-type': 'text/plain' }),
    'unsupported-media-type',
  )
  expect(problem.detail).toContain('application/json')
  expect((await alice.get('/clusters')).body).toEqual(before)
})

test.each(['gzip', 'br', 'deflate', 'GZIP', 'identity, gzip'])(
  'answers 415 to a body with the coding %s, and says that it must not be compressed',
  async coding => {
    const headers = { 'content-type': JSON_TYPE, 'content-encoding': coding }
    const problem = expectProblem(await postCluster(gzipSync(cluster()), headers), 'unsupported-media-type')
    expect(problem.detail).toBe('The body must not be compressed (Content-Encoding).')
  },
)

test.each(['utf-16', 'iso-8859-1', '"windows-1252"', 'UTF-7', 'utf-8x'])(
  'answers 415 to a body in the charset %s, and says that it must be UTF-8',
  async charset => {
    const headers = { 'content-type': `${JSON_TYPE}; charset=${charset}` }
    const problem = expectProblem(await postCluster(cluster(), headers), 'unsupported-media-type')
    expect(problem.detail).toBe('The body must be in UTF-8, not in another charset.')
  },
)

test('says the same of a login form in another charset, or compressed', async () => {
  const credentials = 'username=alice&password=x'
  const common = { cookie: csrf.cookie, 'x-csrf-token': csrf.value }
  const post = (headers: Record<string, string>) =>
    server.nobody.post('/token/login/', undefined, { raw: credentials, headers: { ...common, ...headers } })
  const charset = await post({ 'content-type': `${FORM_TYPE}; charset=iso-8859-1` })
  expect(expectProblem(charset, 'unsupported-media-type').detail).toContain('UTF-8')
  const coding = await post({ 'content-type': FORM_TYPE, 'content-encoding': 'gzip' })
  expect(expectProblem(coding, 'unsupported-media-type').detail).toContain('compressed')
})

test('takes a body that says of itself that it is not compressed', async () => {
  const headers = { 'content-type': JSON_TYPE, 'content-encoding': 'identity' }
  expect((await postCluster(cluster(), headers)).status).toBe(201)
})

// Too large

// Node's fetch, as most clients, reads no answer before it has sent all: who hangs up first gives it none.
test('a client that sends 5 MB with fetch gets its 413, and can go on', async () => {
  const post = (body: string) =>
    fetch(`${server.url}/clusters`, {
      method: 'POST',
      body,
      headers: { authorization: `Token ${alice.token}`, 'content-type': JSON_TYPE },
    })
  for (let time = 0; time < 3; time++) {
    const answer = await post(' '.repeat(5_000_000))
    expect(answer.status).toBe(413)
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
    expect((await answer.json()) as ProblemBody).toMatchObject({
      type: '/problems/body-too-large',
      status: 413,
    })
  }
  const answer = await post(cluster())
  expect(answer.status).toBe(201)
  await answer.text()
})

test('a client that sends 5 MB in chunks, without a length, gets its 413 as well', async () => {
  const headers = { 'content-type': JSON_TYPE, 'transfer-encoding': 'chunked' }
  expectProblem(await postCluster(' '.repeat(5_000_000), headers), 'body-too-large')
})

// Several faults at once

test('names the faults of query, body and Idempotency-Key in one answer', async () => {
  const before = (await alice.get('/clusters')).body
  const answer = await alice.post('/clusters?x=1', {}, { headers: { 'idempotency-key': 'k'.repeat(65) } })
  expect(errorsOf(answer)).toEqual({
    x: ['is not a known parameter'],
    creator: ['is required'],
    cpus: ['is required'],
    memory: ['is required'],
    'Idempotency-Key': ['must be 1 to 64 printable ASCII characters'],
  })
  expect((await alice.get('/clusters')).body).toEqual(before)
})

test.each([
  ['the query and a field', '/clusters?limit=5', { cpus: 17 }, {}, ['cpus', 'limit']],
  ['the query and the key', '/clusters?x=1', {}, { 'idempotency-key': '' }, ['Idempotency-Key', 'x']],
  [
    'a field and the key',
    '/clusters',
    { memory: 0 },
    { 'idempotency-key': 'ä' },
    ['Idempotency-Key', 'memory'],
  ],
] as [string, string, object, Record<string, string>, string[]][])(
  'names both when %s are at fault, and nothing that is right',
  async (_name, path, faulty, headers, names) => {
    const body = { creator: alice.id, cpus: 1, memory: 1, ...faulty }
    expect(Object.keys(errorsOf(await alice.post(path, body, { headers }))).toSorted()).toEqual(names)
  },
)

test('a body that is no object does not hide a fault of the query', async () => {
  const answers: Answer[] = [
    await postTo('/clusters?x=1', '[]'),
    await postTo('/tokens?x=1', 'null'),
    await alice.post('/clusters?x=1'),
  ]
  for (const answer of answers) {
    expect(errorsOf(answer)).toEqual({ x: ['is not a known parameter'], body: ['must be a JSON object'] })
  }
})

const postTo = (path: string, raw: string) =>
  alice.post(path, undefined, { raw, headers: { 'content-type': JSON_TYPE } })

test('names the faults of the query and of a token’s name in one answer', async () => {
  expect(Object.keys(errorsOf(await alice.post('/tokens?x=1', { name: '' }))).toSorted()).toEqual([
    'name',
    'x',
  ])
})

test('names the faults of the query and of a login in one answer', async () => {
  const answer = await server.nobody.post(
    '/token/login/?next=/',
    {},
    { headers: { cookie: csrf.cookie, 'x-csrf-token': csrf.value } },
  )
  expect(Object.keys(errorsOf(answer)).toSorted()).toEqual(['next', 'password', 'username'])
})

test('after all that, a login as it should be still works', async () => {
  expect((await logIn(server.nobody, csrf, { username: alice.username })).status).toBe(200)
})

test.each([';;;', '', 'nonsense', 'text/'])('what takes no body does not read its type: "%s"', async type => {
  const caller = await server.user()
  const { id } = await caller.createCluster()
  const options = { raw: 'x', headers: { 'content-type': type } }
  expect((await caller.delete(`/clusters/${id}`, options)).status).toBe(204)
  expect((await caller.post('/token/logout', undefined, options)).status).toBe(204)
})
