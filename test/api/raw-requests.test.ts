/** Requests that no HTTP client would send: over a socket, byte for byte. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import type { ProblemBody } from '../support/problems.ts'
import { parseAnswer, sendBytes, type RawAnswer } from '../support/raw-http.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

async function send(bytes: string): Promise<RawAnswer> {
  return parseFirst(await sendBytes(server.url, bytes))
}

/** All that the server says until it ends the connection; `end` also says that nothing more will be sent. */
async function readToEnd(bytes: string, { end }: { end: boolean }): Promise<string> {
  const { hostname, port } = new URL(server.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  await once(socket, 'connect')
  socket.write(bytes)
  if (end) socket.end()
  const received = await text(socket)
  socket.destroy()
  return received
}

function parseFirst(received: string): RawAnswer {
  const answer = parseAnswer(received)
  if (answer === undefined) throw new Error(`the server said no answer: ${JSON.stringify(received)}`)
  return answer
}

const countAnswers = (received: string) => received.split('HTTP/1.1 ').length - 1

function expectRawProblem(answer: RawAnswer, status: number): ProblemBody {
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  const problem = JSON.parse(answer.text) as ProblemBody
  expect([answer.status, problem.status]).toEqual([status, status])
  expect(problem.request_id).toBe(answer.headers['x-request-id'])
  return problem
}

const request = (line: string, ...headers: string[]) =>
  `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`

const token = () => `Authorization: Token ${alice.token}`

const JSON_TYPE = 'Content-Type: application/json'

// Two hosts

test.each([
  ['the same twice', 'Host: localhost\r\nHost: localhost'],
  ['another behind it', 'Host: localhost\r\nHost: evil.example'],
  ['another before it', 'Host: evil.example\r\nHost: localhost'],
  ['one in capitals', 'Host: localhost\r\nHOST: localhost'],
  ['headers between them', 'Host: localhost\r\nAccept: */*\r\nhost: localhost'],
])('answers 400 to two Host headers: %s', async (_name, hosts) => {
  for (const path of ['/healthz', '/clusters', '/nowhere', '/docs']) {
    const answer = await send(`GET ${path} HTTP/1.1\r\n${hosts}\r\n${token()}\r\nConnection: close\r\n\r\n`)
    expect(expectRawProblem(answer, 400).errors).toEqual({ Host: ['is there more than once'] })
  }
})

test('a header whose value is Host, and one whose name only begins like it, is no second Host', async () => {
  const answer = await send(request('GET /healthz', 'X-Forwarded-Host: a', 'Hosts: b', 'X: Host'))
  expect(answer.status).toBe(200)
})

// Bytes after a request, and lengths that are wrong

/** A whole request for a cluster of this name. */
function postCluster(name: string, connection: string): string {
  const body = JSON.stringify({ creator: alice.id, cpus: 1, memory: 1, name })
  const lines = [
    'POST /clusters HTTP/1.1',
    'Host: localhost',
    token(),
    JSON_TYPE,
    `Connection: ${connection}`,
  ]
  return `${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const listNamed = async (name: string) => (await alice.get(`/clusters?name=${name}`)).body as { id: number }[]

const GARBAGE = [
  ['a word', 'GARBAGE'],
  ['the end of another body', '}\r\n\r\n'],
  ['NULs', '\0\0\0\0'],
  ['another version of HTTP', 'GET / HTTP/9.9\r\n\r\n'],
  ['100,000 characters', 'x'.repeat(100_000)],
] as const

// "close" tells Node to expect nothing more: it then takes another way to the same error.
test.each(
  ['keep-alive', 'close'].flatMap(connection =>
    GARBAGE.map(([what, garbage]) => [connection, what, garbage] as const),
  ),
)(
  'a whole POST (%s) with %s behind it has its 201, and made one cluster',
  async (connection, what, garbage) => {
    const name = `${connection}-${what.replaceAll(/\W/g, '-').toLowerCase()}`
    const received = await readToEnd(postCluster(name, connection) + garbage, { end: false })
    const answer = parseFirst(received)
    expect(answer.status).toBe(201)
    const created = await listNamed(name)
    expect(created).toHaveLength(1)
    expect(answer.headers['location']).toBe(`/clusters/${created[0]?.id}`)
    expect(received).toContain(`"name":"${name}"`)
  },
)

test('of two whole requests with garbage behind them, both have their answers', async () => {
  const [one, other] = ['pipelined-1', 'pipelined-2'] as const
  const bytes = `${postCluster(one, 'keep-alive')}${postCluster(other, 'keep-alive')}GARBAGE\r\n\r\n`
  const received = await sendBytes(server.url, bytes)
  expect(received.match(/HTTP\/1\.1 \d+/g)?.slice(0, 2)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 201'])
  expect([await listNamed(one), await listNamed(other)].map(({ length }) => length)).toEqual([1, 1])
})

test('the connection ends after garbage: what comes next cannot be told from it', async () => {
  const name = 'after-garbage'
  const bytes = `${postCluster('before-garbage', 'keep-alive')}GARBAGE\r\n\r\n${postCluster(name, 'keep-alive')}`
  const received = await readToEnd(bytes, { end: false })
  expect(countAnswers(received)).toBe(1)
  expect(parseFirst(received).status).toBe(201)
  expect(await listNamed(name)).toEqual([])
})

test('a body that is longer than Content-Length says is a 400 problem, and makes no cluster', async () => {
  const body = JSON.stringify({ creator: alice.id, cpus: 1, memory: 1, name: 'too-short' })
  const answer = await send(
    request('POST /clusters', token(), JSON_TYPE, `Content-Length: ${body.length - 5}`) + body,
  )
  expect(expectRawProblem(answer, 400).errors).toEqual({ body: ['is not JSON'] })
  expect(await listNamed('too-short')).toEqual([])
})

test('a body that is shorter than Content-Length says is one 400 problem, and makes no cluster', async () => {
  const body = JSON.stringify({ creator: alice.id, cpus: 1, memory: 1, name: 'too-long' })
  const head = request('POST /clusters', token(), JSON_TYPE, `Content-Length: ${body.length + 5}`)
  const received = await readToEnd(head + body, { end: true })
  expect(countAnswers(received)).toBe(1)
  expect(Object.keys(expectRawProblem(parseFirst(received), 400).errors ?? {})).toHaveLength(1)
  expect(await listNamed('too-long')).toEqual([])
})

// Who is cut off while sending gets an error of the socket, and never looks for an answer.
test('a client that sends 20 MB before it reads is not cut off: it gets its 413, and can go on', async () => {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  const lines = ['POST /clusters HTTP/1.1', 'Host: localhost', token(), JSON_TYPE, 'Content-Length: 20000000']
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.write(' '.repeat(20_000_000), () => {
      resolve()
    })
  })
  socket.write(request('GET /healthz'))
  const received = await text(socket)
  expectRawProblem(parseFirst(received.slice(0, received.lastIndexOf('HTTP/1.1 '))), 413)
  expect(parseFirst(received.slice(received.lastIndexOf('HTTP/1.1 '))).status).toBe(200)
})

test.each([
  ['a size that is no number', 'zz\r\n{}\r\n0\r\n\r\n'],
  ['a chunk longer than it says', '2\r\n{"cpus":1}\r\n0\r\n\r\n'],
  ['a negative size', '-2\r\n{}\r\n0\r\n\r\n'],
])('chunks with %s are a 400 problem', async (_name, chunks) => {
  const head = request('POST /clusters', token(), JSON_TYPE, 'Transfer-Encoding: chunked')
  const received = await readToEnd(head + chunks, { end: false })
  expect(countAnswers(received)).toBe(1)
  const problem = expectRawProblem(parseFirst(received), 400)
  expect(Object.keys(problem.errors ?? {})).toHaveLength(1)
})

test.each(['-1', '1, 2', '0x10', '1e3', '99999999999999999999999'])(
  'Content-Length: %s is a 400 problem',
  async length => {
    const answer = await send(
      request('POST /clusters', token(), JSON_TYPE, `Content-Length: ${length}`) + '{}',
    )
    expect(Object.keys(expectRawProblem(answer, 400).errors ?? {})).toEqual(['request'])
  },
)

// Addresses with percent signs

test.each([
  ['PUT', '/clusters', 'GET, HEAD, OPTIONS, POST'],
  ['PUT', '/%63lusters', 'GET, HEAD, OPTIONS, POST'],
  ['PUT', '/%63%6C%75%73%74%65%72%73/', 'GET, HEAD, OPTIONS, POST'],
  ['PUT', '/%63lusters?x=%zz', 'GET, HEAD, OPTIONS, POST'],
  ['PUT', '/clusters/%37', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
  ['PUT', '/clusters/7%2F8', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
  ['PUT', '/clusters/%zz', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
  ['GET', '/token/%6cogout', 'OPTIONS, POST'],
  ['DELETE', 'http://localhost/%63lusters', 'GET, HEAD, OPTIONS, POST'],
])('%s %s is 405 and names what the address takes', async (method, path, allow) => {
  const answer = await send(request(`${method} ${path}`, token(), 'Content-Length: 0'))
  expectRawProblem(answer, 405)
  expect(answer.headers['allow']).toBe(allow)
})

test.each(['/%68ealthz', '/%74oken/login/'])('PUT %s is 405 without a token: it is open', async path => {
  expectRawProblem(await send(request(`PUT ${path}`, 'Content-Length: 0')), 405)
})

test('an encoded address asks for the token that the plain one asks for', async () => {
  for (const path of ['/clusters', '/%63lusters', '/%6eowhere']) {
    expectRawProblem(await send(request(`PUT ${path}`, 'Content-Length: 0')), 401)
    expectRawProblem(await send(request(`GET ${path}`)), 401)
  }
})

test('an encoded address is the plain one: it lists the same clusters', async () => {
  const [plain, encoded] = [
    await send(request('GET /clusters?limit=2', token())),
    await send(request('GET /%63luster%73?limit=2', token())),
  ]
  expect(plain.status).toBe(200)
  expect({ status: encoded.status, text: encoded.text }).toEqual({ status: 200, text: plain.text })
})

test.each([
  'GET /%6eowhere',
  'PUT /%6eowhere',
  'GET /clusters%2F7',
  'PUT /clusters%2F7',
  'GET /%2563lusters',
  'PUT /%2563lusters',
  'GET /clusters%00',
  'GET /%zz',
  'PUT /%zz/clusters',
  'GET /%ff%fe',
  'GET /clusters/7/%2e%2e',
])('%s is 404: there is nothing', async line => {
  expectRawProblem(await send(request(line, token(), 'Content-Length: 0')), 404)
})

// Files of the documentation

test.each([
  ['a path outside of the folder', '../../package.json'],
  ['a path far outside of it', '../../../../../../../../etc/passwd'],
  ['encoded dots', '%2e%2e/%2e%2e/package.json'],
  ['encoded slashes', '..%2f..%2fpackage.json'],
  ['encoded backslashes', '..%5c..%5cpackage.json'],
  ['backslashes', '..\\..\\package.json'],
  ['an absolute path', '%2fetc%2fpasswd'],
  ['slashes before a path', '//etc/passwd'],
  ['%%00', '%00'],
  ['%%00 behind a name', 'swagger-ui.css%00'],
  ['%%00 before a path', '%00/../swagger-ui.css'],
  ['5000 characters', 'x'.repeat(5000)],
  ['2500 folders', `${'x/'.repeat(2500)}x`],
  ['what cannot be decoded', '%zz'],
  ['what is no UTF-8', '%ff'],
  ['a hidden folder', '.git/config'],
])('GET /docs/static/ with %s is 404, never 500', async (_name, path) => {
  expectRawProblem(await send(request(`GET /docs/static/${path}`)), 404)
  expect((await send(request(`HEAD /docs/static/${path}`))).status).toBe(404)
})

const CSS = '/docs/static/swagger-ui.css'

test.each([
  'Range: bytes=0-9',
  'Range: bytes=99999999-',
  'Range: bytes=0-9,20-29',
  'Range: nonsense',
  'Range: bytes=0-9\r\nIf-Range: "x"',
  'If-Match: "x"',
  'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT',
])('passes over %j on a file of the documentation, and sends it whole', async header => {
  const [plain, answer] = [await send(request(`GET ${CSS}`)), await send(request(`GET ${CSS}`, header))]
  expect(answer.status).toBe(200)
  expect(answer.headers['content-range']).toBeUndefined()
  expect(answer.text.length).toBeGreaterThan(1000)
  expect(answer.text).toBe(plain.text)
})
