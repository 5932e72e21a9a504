/**
 * Sends every operation what nobody should send, and much that somebody will. A run is repeated by
 * FUZZ_SEED=<seed>; each request is made from the seed and its own number alone.
 */
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MINUTE_MS } from '../../src/lib/clock.ts'
import { Caller, type Answer, type Cluster } from '../support/caller.ts'
import { giveCredentials } from '../support/credentials.ts'
import { findOperation, openApi } from '../support/documented.ts'
import {
  fuzzRequest,
  malformedBytes,
  type FuzzedOperation,
  type FuzzRequest,
} from '../support/fuzz-requests.ts'
import { authTokenOf, getCsrf, logIn } from '../support/log-in.ts'
import { Random } from '../support/random.ts'
import { parseAnswer, sendBytes } from '../support/raw-http.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

/** On a machine with other work to do. */
const LONG_MS = 240_000
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))
const REQUESTS = 20_000
const RAW_REQUESTS = 400
/** How many are under way at once. */
const PARALLEL = 16
/** So many kinds of failures are reported in full. */
const MAX_REPORTED = 60

const PROBLEM_FIELDS = [
  'type',
  'title',
  'status',
  'detail',
  'request_id',
  'errors',
  'limit',
  'used',
  'requested',
  'allowed',
].concat('cluster')

const operations = Object.entries(openApi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): FuzzedOperation => ({
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    operation,
  })),
)

let server: TestServer
let users: Caller[]
let administrator: Caller
/** Whose tokens may die: only this one revokes some. */
let doomed: Caller
/** Who logs out, and is somebody else the next time: one who revokes as well would have little to revoke. */
let leaving: Caller
const clusterIds: number[] = []
/** By the cluster's id. */
const creators = new Map<number, Caller>()
const doomedTokenIds: number[] = []
const targetIds: number[] = []
/** Operations that were answered with success: what is refused at the door tests little. */
const succeeded = new Set<string>()

beforeAll(async () => {
  process.stderr.write(`FUZZ_SEED=${SEED}\n`)
  server = await startServer({ settings: { CLUSTERS_LOG_LEVEL: 'silent', CLUSTERS_QUOTA_CLUSTERS: '40' } })
  // Whom administrators disable: a small number is often tried.
  for (let count = 0; count < 20; count++) targetIds.push((await server.user()).id)
  administrator = await server.user({ isAdministrator: true })
  users = [await server.user(), await server.user(), await server.user(), administrator]
  doomed = await server.user()
  leaving = await server.user()
})
afterAll(() => server.stop())

/** The request of a number is the same in every run of a seed, and another in every other run. */
function randomFor(number: number): Random {
  return new Random(Math.imul(SEED, 0x9e3779b1) + number)
}

/** What went wrong, the first of each kind in full. */
class Failures {
  readonly #byKind = new Map<string, string>()

  add(kind: string, story: string): void {
    if (!this.#byKind.has(kind)) this.#byKind.set(kind, story.slice(0, 600))
  }

  report(): string {
    if (this.#byKind.size === 0) return ''
    const stories = [...this.#byKind.values()].slice(0, MAX_REPORTED)
    return [`${this.#byKind.size} kinds; repeat with FUZZ_SEED=${SEED}`, ...stories].join('\n')
  }
}

/** Runs `work` for each number below `count`, some at once. */
async function forEachNumber(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const runOne = async () => {
    while (next < count) {
      const number = next
      next += 1
      await work(number)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, runOne))
}

/** Why this is not a problem as documented, or `undefined`. */
function problemFault(status: number, contentType: string | undefined, body: unknown): string | undefined {
  if (contentType !== 'application/problem+json; charset=utf-8') return `the type ${contentType}`
  if (typeof body !== 'object' || body === null) return 'no object'
  const problem = body as Record<string, unknown>
  const unknown = Object.keys(problem).find(field => !PROBLEM_FIELDS.includes(field))
  if (unknown !== undefined) return `the field ${unknown}`
  if (problem['status'] !== status) return `the status ${String(problem['status'])}`
  if (!/^\/problems\/[a-z-]+$/.test(String(problem['type']))) return 'no type'
  for (const field of ['title', 'detail', 'request_id']) {
    if (typeof problem[field] !== 'string' || problem[field] === '') return `no ${field}`
  }
  if ((problem['errors'] === undefined) === (status === 400)) return 'errors out of place'
  return undefined
}

function chooseCaller(random: Random, { id, path }: FuzzedOperation, method: string): Caller {
  if (random.chance(0.15)) return server.nobody
  // So that there are some that may be revoked.
  if (id === 'createToken' && random.chance(0.3)) return doomed
  if (random.chance(0.05)) return new Caller({ url: server.url, token: 'x'.repeat(random.below(80)) })
  if (id === 'logout' || id === 'endSession') return leaving
  if (path.startsWith('/admin') && random.chance(0.7)) return administrator
  return id === 'deleteToken' && method === 'DELETE' ? doomed : random.pick(users)
}

/** Judges an answer; `fault` is what the caller's own check against the document said. */
function judge(method: string, answer: Answer): string | undefined {
  if (answer.status >= 500) return `is ${answer.status}`
  if (answer.headers['x-request-id'] === undefined) return `is ${answer.status} without a request id`
  if (answer.status < 400 || method === 'HEAD') return undefined
  const fault = problemFault(answer.status, answer.headers['content-type'], answer.body)
  return fault === undefined ? undefined : `is a ${answer.status} with ${fault}`
}

function describeRequest({ method, path, headers, raw }: FuzzRequest, caller: Caller): string {
  const body = typeof raw === 'string' ? JSON.stringify(raw.slice(0, 200)) : raw?.toString('hex')
  return `${caller.username}: ${method} ${path.slice(0, 150)} ${JSON.stringify(headers).slice(0, 150)} ${body ?? ''}`
}

/** Keeps what later requests need. */
async function learn({ id }: FuzzedOperation, caller: Caller, answer: Answer): Promise<void> {
  if (answer.status < 300) succeeded.add(id)
  if (answer.status === 201 && id === 'createCluster') clusterIds.push((answer.body as Cluster).id)
  if (answer.status === 201 && caller === doomed) doomedTokenIds.push((answer.body as { id: number }).id)
  if ((id === 'logout' || id === 'endSession') && caller === leaving) leaving = await server.user()
  if (answer.status === 401) await replaceUser(caller)
  if (answer.status === 401 && caller === doomed) {
    doomed = await server.user()
    doomedTokenIds.length = 0
  }
}

/** Administrators disable each other, and the others. */
async function replaceUser(caller: Caller): Promise<void> {
  const place = users.indexOf(caller)
  if (place < 0) return
  const isAdministrator = caller === administrator
  const successor = await server.user({ isAdministrator })
  users = users.with(place, successor)
  if (isAdministrator) administrator = successor
}

/** Some to be found: fewer are made than deleted. */
async function makeClusters(): Promise<void> {
  for (const user of users) {
    const answer = await user.post('/clusters', { creator: user.id, cpus: 1, memory: 1 })
    if (answer.status !== 201) continue
    const { id } = answer.body as Cluster
    await giveCredentials(server, id)
    clusterIds.push(id)
    creators.set(id, user)
  }
}

/** What is worth asking for. */
function idsFor({ path }: FuzzedOperation): readonly number[] {
  if (path.startsWith('/tokens')) return doomedTokenIds
  return path.startsWith('/admin/users') ? targetIds : clusterIds
}

async function sendFuzzed(number: number, failures: Failures): Promise<void> {
  const random = randomFor(number)
  const operation = random.pick(operations)
  const first = random.pick(users)
  const ids = idsFor(operation)
  const request = fuzzRequest(random, operation, { ids: ids.slice(-10), creator: first.id })
  const chosen = chooseCaller(random, operation, request.method)
  // Half of those who may, do: what they send names them as the creator, or a cluster of theirs.
  const creator = creators.get(Number(/^\/clusters\/(\d+)/.exec(request.path)?.[1])) ?? first
  const isCreator = users.includes(chosen) && !request.path.startsWith('/admin') && random.chance(0.5)
  const caller = isCreator ? creator : chosen
  const kind = `${operation.id} ${request.method}`
  try {
    const answer = await caller.call(request.method, request.path, request)
    const fault = judge(request.method, answer)
    const story = `#${number} ${describeRequest(request, caller)} ${fault ?? ''}: ${answer.text.slice(0, 200)}`
    if (fault !== undefined) failures.add(`${kind} ${fault}`, story)
    if (request.method === operation.method) await learn(operation, caller, answer)
  } catch (error) {
    // An upload that is refused before its end may break off; then there is no answer to judge.
    if (error instanceof Error && 'code' in error && ['EPIPE', 'ECONNRESET'].includes(String(error.code)))
      return
    const message = error instanceof Error ? error.message : 'unknown'
    const path = findOperation(request.method, request.path) === undefined ? 'elsewhere' : ''
    failures.add(
      `${kind} ${path} ${message.replace(/.*(?=( \d{3})? is not in)/s, '').slice(-60)}`,
      `#${number} ${describeRequest(request, caller)}: ${message}`,
    )
  }
}

test(
  `answers ${REQUESTS} requests of all kinds as documented, and never with 5xx`,
  async () => {
    const failures = new Failures()
    await forEachNumber(REQUESTS, async number => {
      // Else every login but the first hundred of the minute would be 429.
      if (number % (REQUESTS / 4) === 0) server.clock.advance(2 * MINUTE_MS)
      if (number % 500 === 0) await makeClusters()
      await sendFuzzed(number, failures)
    })
    expect(failures.report()).toBe('')
  },
  LONG_MS,
)

test('among them were some that succeeded, for every operation but the logins', () => {
  const missing = operations.map(({ id }) => id).filter(id => !succeeded.has(id))
  expect(missing.toSorted()).toEqual(['login', 'startSession'])
})

test(
  `answers ${RAW_REQUESTS} requests that are no HTTP with a problem, or not at all`,
  async () => {
    const failures = new Failures()
    const { token = '' } = users[0] ?? {}
    await forEachNumber(RAW_REQUESTS, async number => {
      const bytes = malformedBytes(randomFor(REQUESTS + number), token)
      const answer = parseAnswer(await sendBytes(server.url, bytes, 150))
      if (answer === undefined || answer.status < 400) return
      const body = answer.text.startsWith('{')
        ? (JSON.parse(answer.text.replace(/\}HTTP\/1\.1.*$/s, '}')) as unknown)
        : undefined
      const fault =
        answer.status >= 500 ? 'a 5xx' : problemFault(answer.status, answer.headers['content-type'], body)
      if (fault !== undefined) {
        failures.add(
          `${answer.status} ${fault}`,
          `#${number} ${fault} ${answer.status}: ${bytes.toString('latin1').slice(0, 400)}`,
        )
      }
    })
    expect(failures.report()).toBe('')
  },
  LONG_MS,
)

test('a normal session goes on as if nothing had happened', async () => {
  server.clock.advance(2 * MINUTE_MS)
  const { username, id } = await server.user()
  const token = authTokenOf(await logIn(server.nobody, await getCsrf(server.nobody), { username }))
  const caller = new Caller({ url: server.url, token, id, username })
  const cluster = await caller.createCluster({ cpus: 10, memory: 10 })
  expect((await caller.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
  expect((await caller.get('/clusters/')).body).toEqual([cluster])
  expect((await caller.delete(`/clusters/${cluster.id}`)).status).toBe(204)
  expect((await caller.get('/users/me')).body).toMatchObject({
    used: { clusters: 0, cpus: 0, memory_gib: 0 },
  })
  expect((await caller.post('/token/logout/')).status).toBe(204)
  expect((await caller.get('/users/me')).status).toBe(401)
})

test('the server counted no 5xx', async () => {
  const metrics = (await users[0]?.get('/metrics'))?.text ?? ''
  expect(metrics.split('\n').filter(line => /_count\{.*status="5\d\d"/.test(line))).toEqual([])
})
