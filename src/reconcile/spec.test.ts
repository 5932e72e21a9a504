import { expect, test } from 'vitest'
import { RUNTIMES } from '../../test/support/snapshots.ts'
import type { Runtime } from '../domain/runtime.ts'
import { DEFAULT_PORT_RANGE } from '../runtimes.ts'
import { addressOf, buildSpec, portsOf, type ClusterOfWorker, type WorkerToLaunch } from './spec.ts'

const CLUSTER: ClusterOfWorker = {
  id: 7,
  name: 'etl',
  workers: 3,
  command: null,
  environment: {},
  lifetimeSeconds: null,
}
const WORKER: WorkerToLaunch = { id: 'abc', role: 'worker', seat: 2, cpus: 2, memory: 0.5 }
const SCHEDULER = { id: 'boss', address: '10.0.0.9' }

function runtime(fields: Partial<Runtime>): Runtime {
  const job = RUNTIMES.get('job')
  if (job === undefined) throw new Error('there is no job')
  return { ...job, ...fields }
}

const build = (
  fields: Partial<Runtime> = {},
  worker: Partial<WorkerToLaunch> = {},
  cluster: Partial<ClusterOfWorker> = {},
) =>
  buildSpec(
    { ...CLUSTER, ...cluster },
    runtime(fields),
    { ...WORKER, ...worker },
    {
      listenHost: '127.0.0.1',
      credentials: 'PEM',
      scheduler: worker.role === 'scheduler' ? undefined : SCHEDULER,
    },
  )

test('ports follow from the id alone, beside each other, between 10000 and 29999', () => {
  const names = ['a', 'b', 'c']
  for (let count = 0; count < 2000; count++) {
    const { a = 0, b, c = 0 } = portsOf(`worker-${count}`, { ports: names, portRange: DEFAULT_PORT_RANGE })
    expect([b, c]).toEqual([a + 1, a + 2])
    expect(a).toBeGreaterThanOrEqual(10_000)
    expect(c).toBeLessThanOrEqual(29_999)
    expect(portsOf(`worker-${count}`, { ports: names, portRange: DEFAULT_PORT_RANGE })).toEqual({ a, b, c })
  }
})

test('another worker has other ports, so that one that is taken is not tried again', () => {
  const ports = Array.from(
    { length: 20 },
    (_, index) => portsOf(`worker-${index}`, { ports: ['port'], portRange: DEFAULT_PORT_RANGE })['port'],
  )
  expect(new Set(ports).size).toBe(20)
})

test('the command of a worker has its cluster, its seat, its size and its scheduler', () => {
  const command = [
    ...['{listen_host}', '{scheduler_host}', '{port}', '{address}', '{cluster}', '{index}', '{workers}'],
    ...['{cpus}', '{memory_bytes}', '--name=worker-{index}-of-{workers}'],
  ]
  const port = String(portsOf('boss', { ports: ['port'], portRange: DEFAULT_PORT_RANGE })['port'])
  expect(build({ command }).command).toEqual([
    ...['127.0.0.1', '10.0.0.9', port, `tcp://10.0.0.9:${port}`, '7', '2', '3'],
    ...['2', String(512 * 1024 * 1024), '--name=worker-2-of-3'],
  ])
})

test('what stands for nothing stays as it is', () => {
  const command = ['{unknown}', '{ cpus }', '{}', '{{cpus}}', '$HOME']
  expect(build({ command }).command).toEqual(['{unknown}', '{ cpus }', '{}', '{2}', '$HOME'])
})

test('the words of every object stand for nothing either', () => {
  const command = ['{constructor}', '{toString}', '{__proto__}']
  expect(build({ command }).command).toEqual(command)
})

test('a scheduler is told its own ports, and no address: it has none yet', () => {
  const scheduler = { command: ['lead', '{port}', '{workers}', '{address}'], cpus: 1, memory: 1 }
  const { command, environment } = build({ scheduler }, { role: 'scheduler', id: 'boss', seat: 0 })
  expect(command).toEqual([
    'lead',
    String(portsOf('boss', { ports: ['port'], portRange: DEFAULT_PORT_RANGE })['port']),
    '3',
    '{address}',
  ])
  expect(environment).not.toHaveProperty('CLUSTER_ADDRESS')
})

test('a user’s own command is passed on as it is', () => {
  const command = ['echo', '{cpus}', '{cluster}', '']
  expect(build({ command: undefined }, {}, { command }).command).toEqual(command)
})

test('ours is below the runtime’s environment, that is below the user’s, and what tells the worker of itself is above all', () => {
  const { environment } = build(
    { environment: { OMP_NUM_THREADS: '8', MODE: 'runtime', CLUSTER_ID: 'no' } },
    {},
    { environment: { MODE: 'user', MKL_NUM_THREADS: '5', CLUSTER_NAME: 'no' } },
  )
  const port = portsOf('boss', { ports: ['port'], portRange: DEFAULT_PORT_RANGE })['port']
  expect(environment).toEqual({
    ...{ OMP_NUM_THREADS: '8', MKL_NUM_THREADS: '5', OPENBLAS_NUM_THREADS: '2', NUMEXPR_NUM_THREADS: '2' },
    ...{ VECLIB_NUM_THREADS: '2', RAYON_NUM_THREADS: '2', BLIS_NUM_THREADS: '2', MODE: 'user' },
    ...{ CLUSTER_ID: '7', CLUSTER_NAME: 'etl', CLUSTER_WORKERS: '3', CLUSTER_WORKER_ID: 'abc' },
    ...{ CLUSTER_ROLE: 'worker', CLUSTER_INDEX: '2', CLUSTER_CPUS: '2' },
    ...{ CLUSTER_MEMORY_BYTES: '536870912', CLUSTER_ADDRESS: `tcp://10.0.0.9:${port}` },
  })
})

test.each([
  [0.1, '1', '1'],
  [1.5, '2', '1'],
  [3, '3', '3'],
])('%s CPUs are %s threads of a program, and %s of a library: never none', (cpus, threads, ofLibrary) => {
  const { command, environment } = build({ command: ['{cpus}'] }, { cpus })
  expect(command).toEqual([threads])
  expect(environment['OMP_NUM_THREADS']).toBe(ofLibrary)
})

test('a runtime without an address has none', () => {
  expect(addressOf(runtime({ address: undefined }), SCHEDULER)).toBeUndefined()
})
