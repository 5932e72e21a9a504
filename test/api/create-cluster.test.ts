import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller, Cluster } from '../support/caller.ts'
import { errorsOf, expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

/** The smallest request that is allowed, with these fields on top. */
const post = (fields: Record<string, unknown>, path = '/clusters') =>
  alice.post(path, { creator: alice.id, cpus: 1, memory: 1, ...fields })

const postText = (text: string) =>
  alice.post('/clusters', undefined, { raw: text, headers: { 'content-type': 'application/json' } })

test('answers the requested call with 201, the place of the cluster, and the cluster', async () => {
  const answer = await alice.post('/clusters/', { creator: alice.id, cpus: 10, memory: 10 })
  expect(answer.status).toBe(201)
  const cluster = answer.body as Cluster
  expect(cluster).toMatchObject({ creator: alice.id, cpus: 10, memory: 10 })
  expect(answer.headers['location']).toBe(`/clusters/${cluster.id}`)
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toEqual(cluster)
})

test('works without the slash at the end just as with it', async () => {
  expect((await post({}, '/clusters')).status).toBe(201)
  expect((await post({}, '/clusters/')).status).toBe(201)
})

test('fills in every default, and says "not yet" with null', async () => {
  const cluster = await alice.createCluster()
  expect(cluster).toEqual({
    id: cluster.id,
    creator: alice.id,
    cpus: 1,
    memory: 1,
    name: `cluster-${cluster.id}`,
    workers: 1,
    runtime: 'idle',
    command: null,
    environment: {},
    status: 'pending',
    reason: 'none_configured',
    message: expect.stringContaining('No engine is configured') as string,
    engine: 'none',
    ready_workers: 0,
    address: null,
    idle_timeout_seconds: null,
    lifetime_seconds: null,
    expires_at: null,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
    started_at: null,
    ready_at: null,
    ended_at: null,
  })
})

test('keeps every field that is given', async () => {
  const fields = {
    name: 'etl_1.nightly-A',
    workers: 3,
    runtime: 'command',
    command: ['python3', '-c', 'print("grüße 😀")', ''],
    environment: { LEVEL: 'debug', _X1: 'ä\n"\\', EMPTY: '', __proto__x: 'y' },
    lifetime_seconds: 31_536_000,
  }
  expect(await alice.createCluster(fields)).toMatchObject(fields)
  const dask = { runtime: 'dask', idle_timeout_seconds: 1 }
  expect(await alice.createCluster(dask)).toMatchObject(dask)
})

test('refuses an idle timeout where nobody can tell when it is idle', async () => {
  expect(errorsOf(await post({ runtime: 'idle', idle_timeout_seconds: 60 }))).toEqual({
    idle_timeout_seconds: ['is not for the runtime idle: nobody can tell when it is idle'],
  })
})

test('takes a cluster that was read back: null asks for the default', async () => {
  const fields = { command: null, idle_timeout_seconds: null, lifetime_seconds: null }
  expect(await alice.createCluster(fields)).toMatchObject(fields)
})

test.each([
  ...['0.5', '0.1', '0.1234567890123456', '0.30000000000000004', '15.999999999999998', '16', '1e1', '1.0'],
  ...['1e-300', '5e-324', '2.2250738585072014e-308', '3.141592653589793', '1E-7', '0.000001'],
])('keeps the number %s exact in POST, GET and the list', async text => {
  const body = `{"creator":${alice.id},"cpus":${text},"memory":${text}}`
  const created = (await postText(body)).body as Cluster
  expect([created.cpus, created.memory]).toEqual([Number(text), Number(text)])
  expect((await alice.get(`/clusters/${created.id}`)).body).toEqual(created)
  expect((await alice.get('/clusters?limit=1')).body).toEqual([created])
})

test('keeps random doubles exact', async () => {
  for (let count = 0; count < 30; count++) {
    const [cpus, memory] = [Math.random() * 16, Math.random() * 10 ** -count]
    const created = await alice.createCluster({ cpus, memory })
    expect([created.cpus, created.memory]).toEqual([cpus, memory])
    expect((await alice.get(`/clusters/${created.id}`)).body).toEqual(created)
  }
})

test.each([
  ['cpus', 16],
  ['memory', 128],
  ['memory', 127.99999],
  ['workers', 1000],
  ['name', 'a'],
  ['name', 'x'.repeat(63)],
  ['lifetime_seconds', 1],
  ['idle_timeout_seconds', 31_536_000],
])('takes %s at its bound: %s', async (field, value) => {
  const runtime = field === 'idle_timeout_seconds' ? 'dask' : 'idle'
  expect(await alice.createCluster({ runtime, [field]: value })).toMatchObject({ [field]: value })
})

test('takes names that are taken: they need not be unique', async () => {
  const [one, other] = [
    await alice.createCluster({ name: 'same' }),
    await alice.createCluster({ name: 'same' }),
  ]
  expect(one.id).not.toBe(other.id)
})

test('counts the last of a field that is there twice, as JSON.parse does', async () => {
  const answer = await postText(`{"creator":${alice.id},"cpus":99,"memory":1,"cpus":2}`)
  expect(answer.body).toMatchObject({ cpus: 2 })
})

test.each(['creator', 'cpus', 'memory'])('requires %s', async field => {
  const answer = await post({ [field]: undefined })
  expect(errorsOf(answer)).toEqual({ [field]: ['is required'] })
})

const NO_NUMBERS = ['10', '', true, false, null, [], [1], {}, 'NaN']
test.each(
  ['cpus', 'memory', 'workers', 'lifetime_seconds', 'idle_timeout_seconds'].flatMap(field =>
    NO_NUMBERS.map((value): [string, unknown] => [field, value]),
  ),
)('takes JSON literally: refuses %s %j', async (field, value) => {
  if (field.endsWith('seconds') && value === null) return
  const [message = ''] = errorsOf(await post({ [field]: value }))[field] ?? []
  expect(message).toMatch(/^must be a (whole )?number( or null)?$/)
})

test.each([
  ['cpus', 0, 'must be greater than 0'],
  ['cpus', -0, 'must be greater than 0'],
  ['cpus', -1, 'must be greater than 0'],
  ['cpus', 16.000000000000004, 'must be at most 16'],
  ['cpus', 1e300, 'must be at most 16'],
  ['memory', 0, 'must be greater than 0'],
  ['memory', -0.001, 'must be greater than 0'],
  ['memory', 128.00000000000003, 'must be at most 128'],
  ['workers', 0, 'must be at least 1'],
  ['workers', 1001, 'must be at most 1000'],
  ['workers', 1.5, 'must be a whole number'],
  ['lifetime_seconds', 0, 'must be at least 1'],
  ['lifetime_seconds', 31_536_001, 'must be at most 31536000'],
  ['idle_timeout_seconds', 0, 'must be at least 1'],
  ['idle_timeout_seconds', 0.5, 'must be a whole number or null'],
  ['name', '', 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', 'x'.repeat(64), 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', 'a b', 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', 'a\n', 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', 'ä', 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', null, 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['name', 7, 'must be 1 to 63 letters, digits, dots, dashes or underscores'],
  ['runtime', 'spark', 'must be one of idle, command, dask'],
  ['runtime', null, 'must be a text'],
  ['runtime', 'toString', 'must be one of idle, command, dask'],
])('refuses %s %j: %s', async (field, value, message) => {
  const problem = expectProblem(await post({ [field]: value }), 'invalid-request')
  expect(problem.errors?.[field]?.[0]).toBe(message)
  expect(problem.detail).toContain(`${field} ${message}`)
})

test('refuses a number that is too large for JavaScript, or too small to be more than 0', async () => {
  const tooLarge = await postText(`{"creator":${alice.id},"cpus":1e999,"memory":-1e999}`)
  expect(Object.keys(errorsOf(tooLarge)).toSorted()).toEqual(['cpus', 'memory'])
  expect(errorsOf(await postText(`{"creator":${alice.id},"cpus":1e-999,"memory":1}`))).toEqual({
    cpus: ['must be greater than 0'],
  })
})

test.each(['NaN', 'Infinity', '0x10', '010', '.5', '1.', '+1', '1_000'])(
  'refuses %s, which is no JSON',
  async text => {
    const answer = await postText(`{"creator":${alice.id},"cpus":${text},"memory":1}`)
    expect(errorsOf(answer)).toEqual({ body: ['is not JSON'] })
  },
)

test.each([
  [1024, 'looks like MiB, but memory is in GiB: 1024 MiB would be 1'],
  [16_384, 'looks like MiB, but memory is in GiB: 16384 MiB would be 16'],
  [8 * 1024 ** 2, 'looks like KiB, but memory is in GiB: 8388608 KiB would be 8'],
  [4 * 1024 ** 3, 'looks like bytes, but memory is in GiB: 4294967296 bytes would be 4'],
])('hints that a memory of %d looks like another unit', async (memory, hint) => {
  expect(errorsOf(await post({ memory }))).toEqual({ memory: ['must be at most 128', hint] })
})

test('refuses every other creator with the same words, whether that user exists or not', async () => {
  const others = [betty.id, alice.id + 1000, 0, -1, 1.5, 1e300, String(alice.id), true, null, [], {}, 'alice']
  for (const creator of others) {
    expect(errorsOf(await post({ creator }))).toEqual({ creator: ['must be your own user id'] })
  }
  expect((await betty.get('/clusters')).body).toEqual([])
})

test.each([
  ['cpu', '; did you mean cpus?'],
  ['Memory', '; did you mean memory?'],
  ['xyzzy', ''],
  ['', ''],
  ['id', ''],
  ['status', ''],
  ['constructor', ''],
  ['hasOwnProperty', ''],
])('refuses the unknown field %j by its own name', async (field, hint) => {
  const [message = ''] = errorsOf(await post({ [field]: 1 }))[field] ?? []
  expect(message).toMatch(/^is not a known field/)
  if (hint !== '') expect(message).toBe(`is not a known field${hint}`)
})

test('refuses the unknown field __proto__ as any other', async () => {
  const answer = await postText(`{"creator":${alice.id},"cpus":1,"memory":1,"__proto__":{"cpus":1}}`)
  expect(answer.status).toBe(400)
  expect(answer.text).toContain('"errors":{"__proto__":["is not a known field')
})

test('names all faulty fields at once', async () => {
  const answer = await alice.post('/clusters', {
    ...{ creator: betty.id, cpus: 17, memory: '1', name: '', workers: 0, runtime: 'x', command: [] },
    ...{ environment: { '1': 'x' }, idle_timeout_seconds: 0, lifetime_seconds: 'long', cpu: 1 },
  })
  expect(Object.keys(errorsOf(answer)).toSorted()).toEqual(
    ['command', 'cpu', 'cpus', 'creator', 'environment', 'idle_timeout_seconds', 'lifetime_seconds'].concat([
      'memory',
      'name',
      'runtime',
      'workers',
    ]),
  )
})

test.each(['[]', 'null', '1', '"text"', 'true', '[{"cpus":1}]'])(
  'refuses the body %s: it is no object',
  async text => {
    expect(errorsOf(await postText(text))).toEqual({ body: ['must be a JSON object'] })
  },
)

test('refuses an empty body', async () => {
  expect(errorsOf(await alice.post('/clusters'))).toEqual({ body: ['must be a JSON object'] })
  expect(errorsOf(await postText(''))).toEqual({ body: ['must be a JSON object'] })
})

test('bounds its answer, whatever was sent', async () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`unknown${index}`, 1]))
  const answer = await post({ ...many, ['long'.repeat(50_000)]: 1 })
  expect(answer.status).toBe(400)
  expect(answer.text.length).toBeLessThan(10_000)
})

test('creates nothing when it refuses', async () => {
  const before = (await alice.get('/clusters?limit=1')).body
  await post({ cpus: 17 })
  expect((await alice.get('/clusters?limit=1')).body).toEqual(before)
})
