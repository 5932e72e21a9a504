/** POST /clusters: what its workers run, the command and the environment. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

const post = (fields: Record<string, unknown>) =>
  alice.post('/clusters', { creator: alice.id, cpus: 1, memory: 1, ...fields })

const KIB_64 = 64 * 1024

test.each(['idle', 'dask'])('runs %s without a command', async runtime => {
  expect(await alice.createCluster({ runtime })).toMatchObject({ runtime, command: null })
})

test.each([
  ['256 strings', Array.from({ length: 256 }, () => 'x')],
  ['64 KiB in all', ['a', 'x'.repeat(KIB_64 - 1)]],
  ['64 KiB of UTF-8', ['é'.repeat(KIB_64 / 2)]],
])('takes a command of %s', async (_name, command) => {
  expect(await alice.createCluster({ runtime: 'command', command })).toMatchObject({ command })
})

test('takes an environment of 64 KiB in all, names and values together', async () => {
  const environment = { AB: 'x'.repeat(KIB_64 - 2) }
  expect(await alice.createCluster({ environment })).toMatchObject({ environment })
})

test('keeps names of the environment that mean something to JavaScript', async () => {
  const environment = '{"__proto__":"a","constructor":"b","toString":"c"}'
  const raw = `{"creator":${alice.id},"cpus":1,"memory":1,"environment":${environment}}`
  const answer = await alice.post('/clusters', undefined, {
    raw,
    headers: { 'content-type': 'application/json' },
  })
  expect(answer.status).toBe(201)
  for (const entry of ['"__proto__":"a"', '"constructor":"b"', '"toString":"c"']) {
    expect(answer.text).toContain(entry)
  }
})

test('requires a command for the runtime command', async () => {
  const message = 'is required for the runtime command'
  expect(errorsOf(await post({ runtime: 'command' }))).toEqual({ command: [message] })
  expect(errorsOf(await post({ runtime: 'command', command: null }))).toEqual({ command: [message] })
})

test.each([undefined, 'idle', 'dask'])('refuses a command for the runtime %s', async runtime => {
  const answer = await post({ runtime, command: ['true'] })
  const message = `is only for the runtime command, not for ${runtime ?? 'idle'}`
  expect(errorsOf(answer)).toEqual({ command: [message] })
})

test.each([
  ['a text', 'sleep 1', /^must be an array or null$/],
  ['no string at all', [], /^must not be empty$/],
  ['257 strings', Array.from({ length: 257 }, () => 'x'), /^must have at most 256 items$/],
  ['a number', ['sleep', 1], /^item 2 must be a text$/],
  ['a null', [null], /^item 1 must be a text$/],
  ['one byte over 64 KiB', ['x'.repeat(KIB_64 + 1)], /^must be at most 65536 bytes in all, not 65537$/],
  [
    '64 KiB of characters, more in UTF-8',
    ['é'.repeat(KIB_64)],
    /^must be at most 65536 bytes in all, not 131072$/,
  ],
  ['an empty program', ['', 'x'], /^must begin with the name of a program$/],
  ['a NUL', ['echo', 'a\0b'], /NUL/],
  [
    'half of a surrogate pair',
    ['echo', '\ud800'],
    /must not hold NUL characters or halves of surrogate pairs/,
  ],
])('refuses a command with %s', async (_name, command, message) => {
  const errors = errorsOf(await post({ runtime: 'command', command }))
  expect(Object.keys(errors)).toEqual(['command'])
  expect(errors['command']?.[0]).toMatch(message)
})

test.each([
  ['null', null, /^must be an object$/],
  ['an array', ['A=b'], /^must be an object$/],
  ['a text', 'A=b', /^must be an object$/],
  ['a number as value', { A: 1 }, /^A must be a text$/],
  ['null as value', { A: null }, /^A must be a text$/],
  ['a NUL in a value', { A: 'a\0b' }, /NUL.*\(A\)/],
  ['half of a surrogate pair', { A: '\udc00' }, /\(A\)/],
  ['a name that is ours', { CLUSTER_ID: 'x' }, /^must not set CLUSTER_ID/],
  ['one byte over 64 KiB', { A: 'x'.repeat(KIB_64) }, /^must be at most 65536 bytes in all, not 65537$/],
])('refuses an environment with %s', async (_name, environment, message) => {
  const errors = errorsOf(await post({ environment }))
  expect(Object.keys(errors)).toEqual(['environment'])
  expect(errors['environment']?.[0]).toMatch(message)
})

test.each(['', '1A', 'A B', 'A=B', 'Ä', 'A-B', 'A\n'])(
  'refuses the name %j in the environment, and says which',
  async name => {
    const answer = await post({ environment: { GOOD: 'x', [name]: 'x' } })
    expect(errorsOf(answer)).toEqual({ environment: [`must not have the name ${JSON.stringify(name)}`] })
  },
)

test('never repeats a value of the environment: it is secret', async () => {
  const answers = await Promise.all([
    post({ environment: { PASSWORD: 'swordfish\0' } }),
    post({ environment: { PASSWORD: 'swordfish', CLUSTER_X: 'swordfish' } }),
    post({ environment: { PASSWORD: ['swordfish'] } }),
    post({ environment: { '1': 'swordfish' } }),
    post({ environment: { PASSWORD: 'swordfish'.repeat(10_000) } }),
  ])
  for (const answer of answers) {
    expect(answer.status).toBe(400)
    expect(answer.text).not.toContain('swordfish')
  }
})
