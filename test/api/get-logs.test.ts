import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertOutput } from '../../src/database/output.ts'
import type { Caller, Cluster } from '../support/caller.ts'
import { FakeLauncher, type FakeWorker } from '../support/fake-launcher.ts'
import { OutputReader } from '../support/output-reader.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordEnd, recordLaunch } from '../support/worker-rows.ts'

let fake: FakeLauncher
let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({ launcher: clock => (fake = new FakeLauncher({ clock: clock.now })) })
  alice = await server.user()
})
afterAll(() => server.stop())

const within = (ms: number, promise: Promise<unknown>) =>
  Promise.race([promise, sleep(ms).then(() => Promise.reject(new Error(`took longer than ${ms} ms`)))])

/** A cluster whose workers run, by their seats. */
async function launch(
  fields: Record<string, unknown> = {},
): Promise<{ cluster: Cluster; workers: FakeWorker[] }> {
  const cluster = await alice.createCluster(fields)
  await server.reconcile()
  const workers = fake.of(cluster.id).toSorted((a, b) => a.spec.index - b.spec.index)
  return { cluster, workers }
}

function print({ spec }: FakeWorker, text: string): void {
  fake.get(spec.id).output += text
}

test('shows what a worker has printed, and the last lines of it', async () => {
  const { cluster, workers } = await launch({ workers: 2 })
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('two workers were asked for')
  first.output = 'a\nb\nc\n'
  second.output = 'other\n'
  const path = `/clusters/${cluster.id}/logs`
  const answer = await alice.get(path)
  expect([answer.status, answer.text]).toEqual([200, 'a\nb\nc\n'])
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect((await alice.get(`${path}/?worker=1`)).text).toBe('other\n')
  expect((await alice.get(`${path}?worker=0&tail=2&follow=false`)).text).toBe('b\nc\n')
})

test('shows after its end what was kept of a worker, with just the same lines', async () => {
  const { cluster, workers } = await launch({ runtime: 'command', command: ['true'] })
  const [worker] = workers
  if (worker === undefined) throw new Error('a worker was asked for')
  worker.output = 'one\ntwo\nthree'
  fake.end(worker.spec.id, { exitCode: 0 })
  await server.reconcile()
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toMatchObject({ status: 'stopped' })
  expect(fake.of(cluster.id)).toEqual([])
  const path = `/clusters/${cluster.id}/logs`
  expect((await alice.get(path)).text).toBe('one\ntwo\nthree')
  expect((await alice.get(`${path}?tail=2`)).text).toBe('two\nthree')
  expect((await alice.get(`${path}?tail=0`)).text).toBe('')
  const followed = await OutputReader.open(alice, `${path}?follow=true`)
  await within(2000, followed.closed)
  expect([followed.hasEnded, followed.text]).toEqual([true, 'one\ntwo\nthree'])
})

test('bytes that are no text, and text that looks like a page, come as they are', async () => {
  const cluster = await alice.createCluster()
  const worker = await recordLaunch(server.database, { clusterId: cluster.id, creatorId: alice.id })
  await recordEnd(server.database, worker)
  const output = Buffer.concat([Buffer.from([0, 255, 128, 10]), Buffer.from('<script>alert(1)</script>')])
  const { database } = server
  await database.transaction(trx =>
    insertOutput(trx, database.dialect, { workerId: worker, clusterId: cluster.id, output }),
  )
  const read = await OutputReader.open(alice, `/clusters/${cluster.id}/logs`)
  await read.closed
  expect(Buffer.from(read.text, 'latin1')).toEqual(output)
  expect(read.headers['content-type']).toBe('text/plain; charset=utf-8')
  await alice.delete(`/clusters/${cluster.id}`)
})

test('follows what is printed until the cluster has ended', async () => {
  const { cluster, workers } = await launch()
  const [worker] = workers
  if (worker === undefined) throw new Error('a worker was asked for')
  worker.output = 'old\nolder\n'
  const read = await OutputReader.open(alice, `/clusters/${cluster.id}/logs?follow=true&tail=1`)
  await expect.poll(() => read.text).toBe('older\n')
  print(worker, 'new\n')
  await expect.poll(() => read.text).toBe('older\nnew\n')
  await alice.post(`/clusters/${cluster.id}/stop`)
  print(worker, 'bye\n')
  await server.reconcile()
  await within(4000, read.closed)
  expect([read.hasEnded, read.text]).toEqual([true, 'older\nnew\nbye\n'])
})

test('who follows a seat before there is a worker waits for it, and goes on with who replaces it', async () => {
  const cluster = await alice.createCluster()
  expect((await alice.get(`/clusters/${cluster.id}/logs`)).text).toBe('')
  const read = await OutputReader.open(alice, `/clusters/${cluster.id}/logs?follow=true&tail=0`)
  expect(read.status).toBe(200)
  await server.reconcile()
  const [first] = fake.of(cluster.id)
  if (first === undefined) throw new Error('a worker was asked for')
  await sleep(500)
  print(first, 'first\n')
  await expect.poll(() => read.text).toContain('first\n')
  fake.end(first.spec.id, { exitCode: 1 })
  server.clock.advance(60_000)
  await server.reconcile()
  server.clock.advance(60_000)
  await server.reconcile()
  const [second] = fake.of(cluster.id)
  expect(second?.spec.id).not.toBe(first.spec.id)
  // All that it prints, for the tail was that of the first.
  await expect.poll(() => read.text).toMatch(/first\nworker 0 of cluster \d+\n$/)
  read.cut()
  await alice.post(`/clusters/${cluster.id}/stop`)
})

test('a worker that is recorded before the engine has it is shown all the same once it begins', async () => {
  const { cluster, workers } = await launch()
  const [worker] = workers
  if (worker === undefined) throw new Error('a worker was asked for')
  // As between the commit that records a launch and the launch itself.
  fake.vanish(worker.spec.id)
  const read = await OutputReader.open(alice, `/clusters/${cluster.id}/logs?follow=true`)
  await sleep(300)
  expect([read.hasEnded, read.text]).toEqual([false, ''])
  fake.state.workers.set(worker.spec.id, worker)
  await alice.call('PATCH', `/clusters/${cluster.id}`, { body: { name: 'wake' } })
  await expect.poll(() => read.text).toBe(worker.output)
  read.cut()
  await alice.post(`/clusters/${cluster.id}/stop`)
})

test('a worker that vanished does not keep its reader for ever', async () => {
  const { cluster, workers } = await launch({ runtime: 'command', command: ['true'] })
  const read = await OutputReader.open(alice, `/clusters/${cluster.id}/logs?follow=true`)
  await expect.poll(() => read.text).toMatch(/^worker 0/)
  fake.vanish(workers[0]?.spec.id ?? '')
  await server.reconcile()
  await within(8000, read.closed)
  expect(read.hasEnded).toBe(true)
})

test('a revoked token ends a reader who follows', async () => {
  const carol = await server.user()
  const cluster = await carol.createCluster()
  await server.reconcile()
  const read = await OutputReader.open(carol, `/clusters/${cluster.id}/logs?follow=true`)
  await expect.poll(() => read.text).toMatch(/^worker 0/)
  await carol.post('/token/logout')
  await within(4000, read.closed)
})

test('HEAD answers at once, also where one would follow', async () => {
  const { cluster } = await launch()
  for (const query of ['', '?follow=true']) {
    const answer = await alice.call('HEAD', `/clusters/${cluster.id}/logs${query}`)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
  }
})

// oxlint-disable-next-line require-yield
async function* failingLogs(): AsyncGenerator<Uint8Array> {
  await Promise.reject(new Error('/secret/path'))
}

test('an engine that cannot be read is a problem, and no answer that breaks off', async () => {
  const { cluster } = await launch()
  // What stands on the launcher itself comes before its method, until it is taken away again.
  Object.defineProperty(fake, 'logs', { configurable: true, value: failingLogs })
  const problem = expectProblem(await alice.get(`/clusters/${cluster.id}/logs`), 'unavailable')
  expect(problem.detail).toBe('The output cannot be read from the engine now.')
  Reflect.deleteProperty(fake, 'logs')
})

test('says where output is that another engine keeps', async () => {
  const cluster = await alice.createCluster()
  await recordLaunch(server.database, { clusterId: cluster.id, creatorId: alice.id })
  const moved = { home: 'slurm:elsewhere', engine: 'slurm' }
  await server.database.transaction(trx =>
    trx.updateTable('clusters').set(moved).where('id', '=', cluster.id).execute(),
  )
  const problem = expectProblem(await alice.get(`/clusters/${cluster.id}/logs`), 'unavailable')
  expect(problem.detail).toContain('slurm:elsewhere')
})

test.each([
  ['worker=2', { worker: ['must be 0 to 1'] }],
  ['worker=scheduler', { worker: ['must be 0 to 1'] }],
  ['worker=-1', { worker: ['must be the index of a worker, such as 0, or scheduler'] }],
  ['worker=01', { worker: ['must be the index of a worker, such as 0, or scheduler'] }],
  ['worker=1000', { worker: ['must be the index of a worker, such as 0, or scheduler'] }],
  ['worker=', { worker: ['must be the index of a worker, such as 0, or scheduler'] }],
  ['tail=-1', { tail: ['must be at least 0'] }],
  ['tail=10001', { tail: ['must be at most 10000'] }],
  ['tail=x&follow=yes', { tail: ['must be a whole number'], follow: ['must be one of true, false'] }],
  ['lines=3', { lines: ['is not a known parameter'] }],
])('refuses %s', async (query, errors) => {
  const { id } = await alice.createCluster({ workers: 2 })
  expect(errorsOf(await alice.get(`/clusters/${id}/logs?${query}`))).toEqual(errors)
})

test('names the seats that there are: one, and the scheduler of a runtime that has one', async () => {
  const { id } = await alice.createCluster({ runtime: 'dask' })
  expect((await alice.get(`/clusters/${id}/logs?worker=scheduler`)).text).toBe('')
  expect(errorsOf(await alice.get(`/clusters/${id}/logs?worker=5`))).toEqual({
    worker: ['must be 0, or scheduler'],
  })
})

test('answers 404 for somebody else’s cluster just as for none', async () => {
  const { cluster } = await launch()
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    const theirs = await caller.get(`/clusters/${cluster.id}/logs`)
    expectProblem(theirs, 'not-found')
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(await caller.get('/clusters/999999999/logs')))
  }
})
