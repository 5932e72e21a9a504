import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  ended,
  exit,
  failed,
  idOf,
  planFor,
  tell,
  worker,
  workers,
  type Around,
} from '../../test/support/snapshots.ts'
import type { RecordedCluster } from './snapshot.ts'

/**
 * What a pass does, as a table: what is recorded, what the engine shows, what is planned. Workers that are recorded
 * and not shown are gone. Ends, schedulers and the queue have tables of their own, beside this one.
 */
type Row = [name: string, recorded: RecordedCluster, shown: Around['shows'], planned: string[]]

const rows = (table: Row[]) => table

/** What is started, as the engine shows it. */
const started = (...seats: number[]) =>
  Object.fromEntries(seats.map(seat => [idOf(seat), 'started' as const]))

const launching: Row[] = rows([
  [
    'nothing recorded: every seat is launched',
    cluster('pending', [], { workers: 3 }),
    {},
    ['launch worker-0@1', 'launch worker-1@1', 'launch worker-2@1'],
  ],
  [
    'a seat without anybody is launched beside the others',
    cluster('starting', [worker(0, 'started'), worker(2, 'started')], {
      ...{ workers: 3, readyWorkers: 2, message: '2 of 3 workers are ready.' },
    }),
    started(0, 2),
    ['launch worker-1@1'],
  ],
  [
    'launching, and gone: it never started, and is launched again after a second',
    cluster('pending', [worker(0, 'launching')]),
    {},
    ['worker-0@1 is ended: never_started', 'cluster 1 stays pending: worker_lost'],
  ],
  [
    'never started, a second later: the next attempt',
    cluster('pending', [failed(0, { reason: 'never_started', startedAt: null, endedAt: ago(1) })]),
    {},
    ['launch worker-0@1, attempt 2', 'cluster 1 stays pending: worker_lost'],
  ],
  [
    'launching, seen in the queue',
    cluster('pending', [worker(0, 'launching')]),
    { [idOf(0)]: 'queued' },
    ['worker-0@1 is queued', 'cluster 1 stays pending: waiting_for_capacity'],
  ],
  [
    'launching, seen with a place',
    cluster('pending', [worker(0, 'launching')]),
    { [idOf(0)]: 'placed' },
    ['worker-0@1 is placed', 'cluster 1 becomes starting: waiting_for_ready'],
  ],
  [
    'launching, seen started: the cluster runs, without having been starting',
    cluster('pending', [worker(0, 'launching')]),
    { [idOf(0)]: 'started' },
    ['worker-0@1 is started', 'cluster 1 becomes running: ready'],
  ],
  [
    'one of two started: the cluster starts',
    cluster('pending', workers(2, 'launching'), { workers: 2 }),
    { [idOf(0)]: 'started', [idOf(1)]: 'queued' },
    ['worker-0@1 is started', 'worker-1@1 is queued', 'cluster 1 becomes starting: waiting_for_capacity'],
  ],
  [
    'the last of two started: the cluster runs',
    cluster('starting', [worker(0, 'started'), worker(1, 'queued')], { workers: 2, readyWorkers: 1 }),
    started(0, 1),
    ['worker-1@1 is started', 'cluster 1 becomes running: ready'],
  ],
  ['running, and all as recorded: nothing', cluster('running', [worker(0, 'started')]), started(0), []],
  [
    'queued, and still queued: nothing',
    cluster('pending', [worker(0, 'queued')], {
      reason: 'waiting_for_capacity',
      message: 'The engine has no place for it yet.',
    }),
    { [idOf(0)]: 'queued' },
    [],
  ],
  [
    'preempted back into the queue: its status follows the engine, that of the cluster never goes back',
    cluster('running', [worker(0, 'started')]),
    { [idOf(0)]: 'queued' },
    ['worker-0@1 is queued', 'cluster 1 stays running: waiting_for_capacity'],
  ],
])

const losing: Row[] = rows([
  [
    'ended: its end and output are kept, then it is cleared; what follows is decided in the next pass',
    cluster('running', [worker(0, 'started')]),
    { [idOf(0)]: exit(3) },
    [
      'keep the output of worker-0@1',
      'worker-0@1 is stopping: worker_exited',
      'cluster 1 stays running: ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'its end is known and it is still shown: it is cleared, its output is not read again',
    cluster('running', [
      worker(0, 'stopping', { reason: 'worker_exited', message: 'ended with exit code 3' }),
    ]),
    { [idOf(0)]: exit(3) },
    ['cluster 1 stays running: worker_lost', 'terminate worker-0@1'],
  ],
  [
    'its end is known and it is gone: it waits a second for another try',
    cluster('running', [
      worker(0, 'stopping', { reason: 'worker_exited', message: 'ended with exit code 3' }),
    ]),
    {},
    ['worker-0@1 is ended', 'cluster 1 stays running: worker_lost'],
  ],
  [
    'its second is over: the next attempt, and the cluster stays running',
    cluster('running', [failed(0, { endedAt: ago(1) })], { readyWorkers: 0 }),
    {},
    ['launch worker-0@1, attempt 2', 'cluster 1 stays running: worker_lost'],
  ],
  [
    'the replacement is on its way: what was lost is still told',
    cluster('running', [worker(0, 'launching', { attempt: 2 })], {
      readyWorkers: 0,
      reason: 'worker_lost',
      message: 'why',
    }),
    { [idOf(0)]: 'placed' },
    ['worker-0@1 is placed'],
  ],
  [
    'the replacement has started: all is well again',
    cluster('running', [worker(0, 'launching', { attempt: 2 })], { readyWorkers: 0, reason: 'worker_lost' }),
    started(0),
    ['worker-0@1 is started', 'cluster 1 stays running: ready'],
  ],
  [
    'a worker that ran and is gone without a trace is lost, and replaced',
    cluster('running', [worker(0, 'started')]),
    {},
    ['worker-0@1 is ended: worker_lost', 'cluster 1 stays running: worker_lost'],
  ],
  [
    'a worker that waited and is gone without a trace is lost, and replaced',
    cluster('pending', [worker(0, 'queued')]),
    {},
    ['worker-0@1 is ended: worker_lost', 'cluster 1 stays pending: worker_lost'],
  ],
  [
    'out of memory is told by the engine, whatever the signal',
    cluster('running', [worker(0, 'started')]),
    {
      [idOf(0)]: ended({
        exitCode: null,
        signal: 'SIGKILL',
        reason: 'out_of_memory',
        message: 'took more than 1 GiB',
      }),
    },
    [
      'keep the output of worker-0@1',
      'worker-0@1 is stopping: out_of_memory',
      'cluster 1 stays running: ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'the node failed: so says the engine, and the worker is replaced',
    cluster('running', [worker(0, 'stopping', { reason: 'node_failed', message: 'lost its node' })], {
      readyWorkers: 0,
    }),
    {},
    ['worker-0@1 is ended', 'cluster 1 stays running: worker_lost'],
  ],
])

const resizing: Row[] = rows([
  [
    'grown: the new seats are launched',
    cluster('running', workers(2, 'started'), { workers: 4, readyWorkers: 2 }),
    started(0, 1),
    ['launch worker-2@1', 'launch worker-3@1', 'cluster 1 stays running: waiting_for_ready'],
  ],
  [
    'shrunk: the highest seats are left, and it is ready at once',
    cluster('running', workers(3, 'started'), { workers: 1, readyWorkers: 3 }),
    started(0, 1, 2),
    [
      'worker-1@1 is stopping: scaled_down',
      'worker-2@1 is stopping: scaled_down',
      'cluster 1 stays running: ready',
      'terminate worker-1@1',
      'terminate worker-2@1',
    ],
  ],
  [
    'shrunk while it was launched: what is seen to start is ended',
    cluster('pending', workers(2, 'launching'), { workers: 1 }),
    started(0, 1),
    [
      'worker-0@1 is started',
      'worker-1@1 is stopping: scaled_down',
      'cluster 1 becomes running: ready',
      'terminate worker-1@1',
    ],
  ],
  [
    'shrunk, and the seat is left: nothing more is done for it',
    cluster('running', [worker(0, 'started'), worker(1, 'ended', { reason: 'scaled_down' })]),
    started(0),
    [],
  ],
  [
    'shrunk and grown again: the seat begins anew, at once, with the first attempt',
    cluster('running', [worker(0, 'started'), worker(1, 'ended', { reason: 'scaled_down', attempt: 4 })], {
      workers: 2,
      readyWorkers: 1,
    }),
    started(0),
    ['launch worker-1@1', 'cluster 1 stays running: waiting_for_ready'],
  ],
  [
    'shrunk and grown again before it was gone: the seat is taken again when it is',
    cluster('running', [worker(0, 'started'), worker(1, 'stopping', { reason: 'scaled_down' })], {
      workers: 2,
      readyWorkers: 1,
    }),
    started(0, 1),
    ['cluster 1 stays running: waiting_for_ready', 'terminate worker-1@1'],
  ],
  [
    'shrunk and grown again, and it is gone now: its end and the launch are recorded together',
    cluster('running', [worker(0, 'started'), worker(1, 'stopping', { reason: 'scaled_down' })], {
      ...{ workers: 2, readyWorkers: 1 },
    }),
    started(0),
    ['launch worker-1@1', 'worker-1@1 is ended', 'cluster 1 stays running: waiting_for_ready'],
  ],
  [
    'scaled down, ended by the signal: why it was ended stays, how is added',
    cluster('running', [worker(0, 'started'), worker(1, 'stopping', { reason: 'scaled_down' })]),
    { ...started(0), [idOf(1)]: ended({ exitCode: null, signal: 'SIGTERM' }) },
    ['keep the output of worker-1@1', 'worker-1@1 is stopping', 'terminate worker-1@1'],
  ],
])

test.each(launching)('launching: %s', (_, recorded, shows = {}, planned) => {
  expect(tell(planFor([recorded], { shows }))).toEqual(planned)
})

test.each(losing)('losing: %s', (_, recorded, shows = {}, planned) => {
  expect(tell(planFor([recorded], { shows }))).toEqual(planned)
})

test.each(resizing)('resizing: %s', (_, recorded, shows = {}, planned) => {
  expect(tell(planFor([recorded], { shows }))).toEqual(planned)
})
