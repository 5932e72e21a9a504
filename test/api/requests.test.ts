/** What holds for every request: methods, bodies, hosts, headers, and the one shape of errors. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SECURITY_HEADERS } from '../../src/api/security.ts'
import type { Caller } from '../support/caller.ts'
import { errorsOf, expectProblem, type ProblemBody } from '../support/problems.ts'
import { parseAnswer, sendBytes, type RawAnswer } from '../support/raw-http.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({ settings: { CLUSTERS_ALLOWED_HOSTS: 'clusters.example.org' } })
  alice = await server.user()
})
afterAll(() => server.stop())

const JSON_TYPE = { 'content-type': 'application/json' }
const MIB = 1024 * 1024

const small = () => JSON.stringify({ creator: alice.id, cpus: 1, memory: 1 })
const postRaw = (raw: string | Buffer, headers: Record<string, string>, path = '/clusters') =>
  alice.post(path, undefined, { raw, headers })

/** The smallest request, with white space up to this length. */
const padded = (length: number) => small().padEnd(length)

async function send(bytes: string | Buffer): Promise<RawAnswer> {
  const answer = parseAnswer(await sendBytes(server.url, bytes))
  if (answer === undefined) throw new Error('the server said nothing')
  return answer
}

function expectRawProblem(answer: RawAnswer, status: number): ProblemBody {
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  const problem = JSON.parse(answer.text) as ProblemBody
  expect([answer.status, problem.status]).toEqual([status, status])
  expect(problem.request_id).not.toBe('')
  return problem
}

const auth = () => `Host: localhost\r\nAuthorization: Token ${alice.token}\r\nConnection: close\r\n`

// Methods

test.each([
  ['/clusters', 'GET, HEAD, OPTIONS, POST'],
  ['/clusters/7', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
  ['/clusters/', 'GET, HEAD, OPTIONS, POST'],
  ['/token/login/', 'GET, HEAD, OPTIONS, POST'],
  ['/token/logout', 'OPTIONS, POST'],
  ['/tokens/7/', 'DELETE, OPTIONS'],
  ['/healthz', 'GET, HEAD, OPTIONS'],
])('OPTIONS %s answers 204 with Allow: %s', async (path, allow) => {
  const answer = await alice.call('OPTIONS', path)
  expect(answer.status).toBe(204)
  expect(answer.headers['allow']).toBe(allow)
  expect(answer.text).toBe('')
})

test.each(['PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'QUERY', 'LINK'])(
  '%s on an address that does not take it is 405 and names what it takes',
  async method => {
    const answer = await alice.call(method, '/clusters/')
    expectProblem(answer, 'method-not-allowed')
    expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS, POST')
  },
)

test('an open address answers 405 without a token', async () => {
  const answer = await server.nobody.post('/healthz')
  expectProblem(answer, 'method-not-allowed')
  expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS')
})

test.each(['/nowhere', '/clusters/1/nowhere', '/clusters.json', '/api/clusters', '/tokens/1/2'])(
  'answers 404 for %s, where nothing is',
  async path => {
    expectProblem(await alice.get(path), 'not-found')
  },
)

test('answers 404 for a file of the documentation that is not there', async () => {
  expect((await server.nobody.get('/docs/static/nothing.js')).status).toBe(404)
})

// Bodies

test.each([
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON;charset=UTF-8',
  'application/json; charset="utf-8"',
])('takes a body of %s', async type => {
  expect((await postRaw(small(), { 'content-type': type })).status).toBe(201)
})

test.each([
  ['no content type', {}],
  ['text/plain', { 'content-type': 'text/plain' }],
  ['a form on /clusters', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }],
  ['problem+json', { 'content-type': 'application/problem+json' }],
  ['JSON with a typo', { 'content-type': 'application/jsonx' }],
  ['nonsense', { 'content-type': ';;;' }],
  ['an empty content type', { 'content-type': '' }],
  ['UTF-16', { 'content-type': 'application/json; charset=utf-16' }],
  ['Latin-1', { 'content-type': 'application/json; charset=iso-8859-1' }],
  ['gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
  ['an unknown coding', { ...JSON_TYPE, 'content-encoding': 'x' }],
] as [string, Record<string, string>][])('answers 415 to a body with %s', async (_name, headers) => {
  expectProblem(await postRaw(small(), headers), 'unsupported-media-type')
})

test('takes a body of just 1 MiB, and refuses one more byte with 413', async () => {
  expect((await postRaw(padded(MIB), JSON_TYPE)).status).toBe(201)
  expectProblem(await postRaw(padded(MIB + 1), JSON_TYPE), 'body-too-large')
})

test('takes a body in chunks up to 1 MiB, and refuses one more byte with 413', async () => {
  const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
  expect((await postRaw(padded(MIB), chunked)).status).toBe(201)
  expectProblem(await postRaw(padded(MIB + 1), chunked), 'body-too-large')
})

test('refuses a length over 1 MiB before the body comes', async () => {
  const head = `POST /clusters HTTP/1.1\r\n${auth()}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`
  expectRawProblem(await send(head), 413)
})

test.each([
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'is not UTF-8'],
  ['half of a UTF-8 character', Buffer.from('"€"').subarray(0, 3), 'is not UTF-8'],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'is not UTF-8'],
  ['cut off', '{"creator":1', 'is not JSON'],
  ['two values', '{}{}', 'is not JSON'],
  ['a comment', '{} // x', 'is not JSON'],
  ['a comma too many', '{"cpus":1,}', 'is not JSON'],
  ['apostrophes', "{'cpus':1}", 'is not JSON'],
  ['white space alone', '  ', 'is not JSON'],
  ['500,000 arrays in one another, open', '['.repeat(500_000), 'is not JSON'],
])('answers 400 to a body that is %s', async (_name, raw, message) => {
  expect(errorsOf(await postRaw(raw, JSON_TYPE))).toEqual({ body: [message] })
})

test.each([
  ['as the body', (deep: string) => deep, 'body'],
  ['as a field', (deep: string) => `{"creator":${alice.id},"cpus":1,"memory":1,"name":${deep}}`, 'name'],
  [
    'in the environment',
    (deep: string) => `{"creator":${alice.id},"cpus":1,"memory":1,"environment":{"A":${deep}}}`,
    'environment',
  ],
  [
    'in the command',
    (deep: string) => `{"creator":${alice.id},"cpus":1,"memory":1,"command":${deep}}`,
    'command',
  ],
] as [string, (deep: string) => string, string][])(
  'deep nesting %s is 400, and no harm',
  async (_name, wrap, field) => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(Object.keys(errorsOf(await postRaw(wrap(deep), JSON_TYPE)))).toEqual([field])
  },
)

test('looks at no body of a GET', async () => {
  const answer = await alice.get('/clusters', { raw: '{nonsense', headers: { 'content-type': 'text/plain' } })
  expect(answer.status).toBe(200)
})

// Hosts

test.each([
  'localhost',
  'LOCALHOST:80',
  '127.0.0.1',
  '127.0.0.1:8000',
  '10.1.2.3',
  '[::1]',
  '[::1]:8000',
  'clusters.example.org:443',
])('answers for the host %s', async host => {
  expect((await server.nobody.get('/healthz', { headers: { host } })).status).toBe(200)
})

test.each([
  'evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  'example.org',
  '[::1',
  'localhost:80:80',
  ' ',
  'a b',
  '[evil]',
])('answers 421 for the host "%s", on every address', async host => {
  for (const path of ['/healthz', '/clusters', '/nowhere', '/docs']) {
    expectProblem(await alice.get(path, { headers: { host } }), 'unknown-host')
  }
})

// Headers of every answer

test.each([
  ['200', () => alice.get('/users/me')],
  ['200 of a page', () => server.nobody.get('/problems/not-found')],
  ['200 of the documentation', () => server.nobody.get('/docs')],
  ['201', () => alice.post('/clusters', { creator: alice.id, cpus: 1, memory: 1 })],
  ['204 of OPTIONS', () => alice.call('OPTIONS', '/clusters')],
  ['400', () => alice.post('/clusters', {})],
  ['401', () => server.nobody.get('/clusters')],
  ['401 of an address without a route', () => server.nobody.get('/nowhere')],
  ['403', () => server.nobody.post('/token/login', {})],
  ['404', () => alice.get('/clusters/999999999')],
  ['404 of an address without a route', () => alice.get('/nowhere')],
  ['404 of an address that cannot be decoded', () => alice.get('/nowhere/%zz')],
  ['404 of an endless id', () => alice.get(`/clusters/${'1'.repeat(12_000)}`)],
  ['405', () => alice.call('PUT', '/clusters')],
  ['413', () => postRaw(padded(MIB + 1), JSON_TYPE)],
  ['415', () => postRaw('x', { 'content-type': 'text/plain' })],
  ['421', () => alice.get('/healthz', { headers: { host: 'evil.example' } })],
])('an answer of %s has the security headers and a request id', async (_name, call) => {
  const { headers } = await call()
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': expect.stringMatching(/no-store/) as string,
  })
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'/)
  expect(headers['x-request-id']).toMatch(/^[A-Za-z0-9_-]+$/)
  expect(headers['server']).toBeUndefined()
  expect(headers['x-powered-by']).toBeUndefined()
  expect(headers['strict-transport-security']).toBeUndefined()
  expect(headers['access-control-allow-origin']).toBeUndefined()
})

test('each request has an id of its own, whatever the client says', async () => {
  const ids = await Promise.all(
    Array.from(
      { length: 5 },
      async () => (await alice.get('/users/me', { headers: { 'x-request-id': 'mine' } })).headers,
    ),
  )
  expect(new Set(ids.map(headers => headers['x-request-id'])).size).toBe(5)
})

// What is no HTTP

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  ['a bad length', 'POST /clusters HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n', 400],
  [
    'length and chunks at once',
    'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['a NUL in the address', 'GET /health\0z HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  [
    'headers over 16 KiB',
    `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
])('answers %s with a problem of the one shape, security headers included', async (_name, bytes, status) => {
  const answer = await send(bytes)
  const problem = expectRawProblem(answer, status)
  expect(problem.errors === undefined).toBe(status !== 400)
  expect(answer.headers).toMatchObject(SECURITY_HEADERS)
  expect(answer.headers['x-request-id']).toBe(problem.request_id)
})

test('answers an expectation that it cannot meet with a problem', async () => {
  const answer = await send(
    `POST /clusters HTTP/1.1\r\n${auth()}Expect: cookies\r\nContent-Length: 0\r\n\r\n`,
  )
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
})

test('takes an address with scheme and host, as proxies send it', async () => {
  const get = await send(`GET http://localhost/users/me HTTP/1.1\r\n${auth()}\r\n`)
  expect(get.status).toBe(200)
  const put = await send(`PUT http://localhost/users/me HTTP/1.1\r\n${auth()}Content-Length: 0\r\n\r\n`)
  expectRawProblem(put, 405)
})

test('an upload that the client gives up is no error of the server’s', async () => {
  const head = `POST /clusters HTTP/1.1\r\n${auth()}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
  await sendBytes(server.url, head, 100)
  const metrics = (await alice.get('/metrics')).text
  expect(metrics).not.toMatch(/_count\{[^}]*route="\/clusters",status="5\d\d"/)
})
