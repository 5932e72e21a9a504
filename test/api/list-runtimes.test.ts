import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

interface Body {
  readonly runtimes: readonly { readonly name: string; readonly [field: string]: unknown }[]
  readonly [field: string]: unknown
}

/** The most that any request may ask for, whatever the engine. */
const LIMITS = { cpus: 16, memory: 128, workers: 1000, duration_seconds: 31_536_000 }

test('without an engine the bounds of the API hold, and nothing is known to be missing', async () => {
  const answer = await alice.get('/runtimes/')
  expect(answer.status).toBe(200)
  const { runtimes, ...rest } = answer.body as Body
  const largest = { cpus: 16, memory: 128 }
  expect(rest).toEqual({
    engine: 'none',
    largest_worker: largest,
    capacity: null,
    enforced: null,
    limits: LIMITS,
  })
  expect(runtimes.map(({ name, available, message }) => [name, available, message])).toEqual([
    ['idle', true, null],
    ['command', true, null],
    ['dask', true, null],
  ])
})

test('what it says of a runtime is what creating one asks for', async () => {
  const { runtimes } = (await alice.get('/runtimes')).body as Body
  for (const { name, takes_command: takesCommand, can_tell_idleness: canTellIdleness } of runtimes) {
    const request = { creator: alice.id, cpus: 1, memory: 1, runtime: name }
    const command = takesCommand === true ? { command: ['true'] } : {}
    expect((await alice.post('/clusters', { ...request, ...command })).status).toBe(201)
    const wrong = takesCommand === true ? {} : { command: ['true'] }
    expect(Object.keys(errorsOf(await alice.post('/clusters', { ...request, ...wrong })))).toEqual([
      'command',
    ])
    const idle = await alice.post('/clusters', { ...request, ...command, idle_timeout_seconds: 60 })
    expect(idle.status).toBe(canTellIdleness === true ? 201 : 400)
  }
})

test('tells what the engine said of itself: the largest worker, what all share, and what is missing', async () => {
  const fake = new FakeLauncher()
  fake.largestWorker = { cpus: 64, memory: 30 }
  fake.capacity = { cpus: 64, memory: Infinity }
  fake.missingPrograms.set('dask', 'install distributed')
  const own = await startServer({ launcher: () => fake })
  try {
    const carol = await own.user()
    const { runtimes, ...rest } = (await carol.get('/runtimes')).body as Body
    expect(rest).toEqual({
      engine: 'fake',
      // No worker may have more than 16 CPUs, wherever it runs.
      largest_worker: { cpus: 16, memory: 30 },
      capacity: { cpus: 64, memory: null },
      enforced: { cpus: true, memory: true },
      limits: LIMITS,
    })
    expect(runtimes.filter(({ available }) => available !== true)).toMatchObject([
      { name: 'dask', available: false, message: 'install distributed' },
    ])
  } finally {
    await own.stop()
  }
})
