import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  failed,
  idOf,
  losing,
  pending,
  planFor,
  running,
  showStarted,
  tell,
  worker,
  workers,
  type Around,
} from '../../test/support/snapshots.ts'
import { DEFAULT_PORT_RANGE } from '../runtimes.ts'
import type { RecordedCluster } from './snapshot.ts'
import { portsOf } from './spec.ts'

/** Several clusters that wait for room, as a table. */
type Row = [name: string, recorded: RecordedCluster[], around: Around, planned: string[]]

const rows = (table: Row[]) => table

const waits = (id: number) => `cluster ${id} stays pending: waiting_for_capacity`
const cpus = (count: number): Around => ({ capacity: { cpus: count, memory: Infinity } })
/** The port follows from the scheduler's id. */
const ADDRESS = `tcp://10.0.0.1:${portsOf(idOf('scheduler', 2), { ports: ['scheduler_port', 'http_port'], portRange: DEFAULT_PORT_RANGE })['scheduler_port']}`

const queue: Row[] = rows([
  [
    'there is room for all: all are launched',
    [pending(1), pending(2)],
    cpus(2),
    ['launch worker-0@1', 'launch worker-0@2'],
  ],
  [
    'the engine queues by itself, or has no bound: all are launched',
    [pending(1, { cpus: 999 }), pending(2)],
    {},
    ['launch worker-0@1', 'launch worker-0@2'],
  ],
  [
    'first come, first served',
    [pending(1), pending(2), pending(3)],
    cpus(2),
    ['launch worker-0@1', 'launch worker-0@2', waits(3)],
  ],
  ['what runs takes room', [running(1, 2), pending(2)], { ...cpus(2), shows: showStarted(1, 2) }, [waits(2)]],
  [
    'what is being ended takes room until it is gone',
    [
      cluster('stopping', [worker(0, 'stopping', { reason: 'cluster_stopped' })], {
        reason: 'stopped_by_user',
      }),
      pending(2),
    ],
    { ...cpus(1), shows: showStarted(1, 1) },
    [waits(2), 'terminate worker-0@1'],
  ],
  [
    'it is gone: the next one gets the room in the same pass',
    [
      cluster('stopping', [worker(0, 'stopping', { reason: 'cluster_stopped' })], {
        reason: 'stopped_by_user',
      }),
      pending(2),
    ],
    cpus(1),
    ['worker-0@1 is ended', 'cluster 1 becomes stopped: stopped_by_user', 'launch worker-0@2'],
  ],
  [
    'the whole cluster or nothing of it',
    [running(1, 1), pending(2, { workers: 2 })],
    { ...cpus(2), shows: showStarted(1, 1) },
    [waits(2)],
  ],
  [
    'a cluster that needs just what is left',
    [running(1, 1), pending(2, { workers: 2, cpus: 0.1 })],
    { ...cpus(1.2), shows: showStarted(1, 1) },
    ['launch worker-0@2', 'launch worker-1@2'],
  ],
  [
    'nobody is let past somebody who waits, though there were room',
    [running(1, 2), pending(2, { workers: 2 }), pending(3)],
    { ...cpus(3), shows: showStarted(1, 2) },
    [waits(2), waits(3)],
  ],
  [
    'memory counts as well',
    [running(1, 1), pending(2)],
    { capacity: { cpus: Infinity, memory: 1 }, shows: showStarted(1, 1) },
    [waits(2)],
  ],
  [
    'a cluster that has begun queues for what it grows by, in its own place',
    [running(1, 1, { workers: 2, readyWorkers: 1 }), running(2, 1), pending(3, { cpus: 0.1 })],
    { ...cpus(2), shows: { ...showStarted(1, 1), ...showStarted(2, 1) } },
    ['cluster 1 stays running: waiting_for_capacity', waits(3)],
  ],
  [
    'a runtime with a scheduler needs room for the scheduler as well',
    [pending(1, { runtime: 'dask', workers: 2 })],
    { capacity: { cpus: 3, memory: 4 } },
    ['launch scheduler@1'],
  ],
  [
    'while its scheduler begins, the room of its workers is kept',
    [cluster('pending', [worker('scheduler', 'placed')], { runtime: 'dask', workers: 2 }), pending(2)],
    { ...cpus(3), shows: { [idOf('scheduler')]: 'placed' } },
    ['cluster 1 becomes starting: waiting_for_ready', waits(2)],
  ],
  [
    'its scheduler has started: its workers have their room, whoever waits',
    [
      cluster('starting', [worker('scheduler', 'placed')], { runtime: 'dask', workers: 2, address: 'x' }),
      pending(2),
    ],
    { ...cpus(3), shows: { [idOf('scheduler')]: 'started' } },
    [
      'launch worker-0@1',
      'launch worker-1@1',
      'scheduler@1 is started',
      'cluster 1 stays starting: waiting_for_ready',
      waits(2),
    ],
  ],
  [
    'also those behind a cluster that waits for the very room',
    [
      running(1, 1, { workers: 2, readyWorkers: 1 }),
      cluster('starting', [worker('scheduler', 'started', { id: idOf('scheduler', 2), clusterId: 2 })], {
        ...{ id: 2, runtime: 'dask', workers: 1, message: '0 of 1 workers are ready.' },
        address: ADDRESS,
      }),
    ],
    { ...cpus(3), shows: { ...showStarted(1, 1), [idOf('scheduler', 2)]: 'started' } },
    ['cluster 1 stays running: waiting_for_capacity', 'launch worker-0@2'],
  ],
  [
    'it has grown meanwhile beyond what there is: it queues, and nobody gets its room',
    [
      running(1, 1),
      cluster('starting', [worker('scheduler', 'started', { id: idOf('scheduler', 2), clusterId: 2 })], {
        ...{ id: 2, runtime: 'dask', workers: 4 },
        address: ADDRESS,
      }),
      pending(3, { cpus: 0.1 }),
    ],
    { ...cpus(5), shows: { ...showStarted(1, 1), [idOf('scheduler', 2)]: 'started' } },
    ['cluster 2 stays starting: waiting_for_capacity', waits(3)],
  ],
  [
    'the room of a worker that failed is kept for the one in its place',
    [losing(1, { endedAt: ago(0.5) }), pending(2)],
    cpus(1),
    ['cluster 1 stays running: worker_lost', waits(2)],
  ],
  [
    'and the one in its place gets it',
    [losing(1, { endedAt: ago(1) }), pending(2)],
    cpus(1),
    ['launch worker-0@1, attempt 2', 'cluster 1 stays running: worker_lost', waits(2)],
  ],
  [
    'and so it does behind a cluster that waits for the very room',
    [running(1, 1, { workers: 2, readyWorkers: 1 }), losing(2, { endedAt: ago(1) })],
    { ...cpus(2), shows: showStarted(1, 1) },
    [
      'cluster 1 stays running: waiting_for_capacity',
      'launch worker-0@2, attempt 2',
      'cluster 2 stays running: worker_lost',
    ],
  ],
  [
    'it does not wait for the room by which its own cluster grows either',
    [
      cluster('running', [failed(0, { endedAt: ago(1) })], { workers: 2, readyWorkers: 0 }),
      running(2, 1),
      pending(3, { cpus: 0.1 }),
    ],
    { ...cpus(2), shows: showStarted(2, 1) },
    ['launch worker-0@1, attempt 2', 'cluster 1 stays running: worker_lost', waits(3)],
  ],
  [
    'a pass launches at most 256, also of those that have room',
    [
      cluster(
        'running',
        Array.from({ length: 300 }, (_, seat) => failed(seat, { endedAt: ago(1), attempt: 0 })),
        { workers: 301, readyWorkers: 0 },
      ),
    ],
    cpus(300),
    ['launch 256 from worker-0@1', 'cluster 1 stays running: worker_lost'],
  ],
  [
    'the room of a scheduler that failed, and of its workers, is kept as well',
    [
      cluster(
        'running',
        [
          failed('scheduler'),
          ...workers(2, 'ended', { reason: 'scheduler_replaced', schedulerId: idOf('scheduler') }),
        ],
        { runtime: 'dask', workers: 2, readyWorkers: 0 },
      ),
      pending(2),
    ],
    cpus(3),
    ['cluster 1 stays running: worker_lost', waits(2)],
  ],
  [
    'the room of what is done, and is not launched again, is free',
    [
      cluster(
        'running',
        [failed(0, { reason: 'completed', message: 'ended with exit code 0' }), worker(1, 'started')],
        { runtime: 'command', workers: 2, readyWorkers: 1 },
      ),
      pending(2),
    ],
    { ...cpus(2), shows: { [idOf(1)]: 'started' } },
    ['cluster 1 stays running: ready', 'launch worker-0@2'],
  ],
  [
    'so is that of a seat that was given up',
    [cluster('running', [worker(0, 'started'), failed(1, { reason: 'scaled_down' })]), pending(2)],
    { ...cpus(2), shows: showStarted(1, 1) },
    ['launch worker-0@2'],
  ],
  [
    'shrunk and grown again: the room it gave up is not its own any more',
    [
      cluster('running', [worker(0, 'started'), failed(1, { reason: 'scaled_down' })], {
        workers: 2,
        readyWorkers: 1,
      }),
      pending(2),
    ],
    { ...cpus(1), shows: showStarted(1, 1) },
    ['cluster 1 stays running: waiting_for_capacity', waits(2)],
  ],
  [
    'what can never fit here keeps nobody waiting',
    [pending(1, { workers: 3 }), pending(2)],
    cpus(2),
    [waits(1), 'launch worker-0@2'],
  ],
  [
    'what runs from the time when there was more room keeps nobody waiting either',
    [running(1, 2, { workers: 3, readyWorkers: 2 }), pending(2, { cpus: 0.5 })],
    { ...cpus(2.5), shows: showStarted(1, 2) },
    ['cluster 1 stays running: waiting_for_capacity', 'launch worker-0@2'],
  ],
  ['nobody knows yet what the engine can do: nothing is launched', [pending(1)], { capacity: 'unknown' }, []],
  [
    'and who waits for room still does',
    [
      pending(1, { reason: 'waiting_for_capacity', message: 'Waits for room.' }),
      running(2, 1, {
        ...{ workers: 2, readyWorkers: 1 },
        ...{ reason: 'waiting_for_capacity', message: 'Waits for room.' },
      }),
    ],
    { capacity: 'unknown', shows: showStarted(2, 1) },
    [],
  ],
  [
    'a pass launches at most 256; the rest is for the next',
    [pending(1, { workers: 200 }), pending(2, { workers: 200 }), pending(3)],
    {},
    ['launch 200 from worker-0@1', 'launch 56 from worker-0@2'],
  ],
])

test.each(queue)('queue: %s', (_, recorded, around, planned) => {
  expect(tell(planFor(recorded, around))).toEqual(planned)
})
