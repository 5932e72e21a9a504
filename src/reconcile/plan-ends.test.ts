import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  ended,
  failed,
  idOf,
  planFor,
  tell,
  worker,
  type Around,
} from '../../test/support/snapshots.ts'
import type { RecordedCluster, Snapshot } from './snapshot.ts'

/** When a cluster ends and why, as a table: what is recorded, what the engine shows, what is planned. */
type Row = [name: string, recorded: RecordedCluster, around: Around, planned: string[]]

const rows = (table: Row[]) => table

const shows = (...seats: (number | 'scheduler')[]): Around => ({
  shows: Object.fromEntries(seats.map(seat => [idOf(seat), 'started' as const])),
})

const running = (fields: Partial<RecordedCluster> = {}) => cluster('running', [worker(0, 'started')], fields)

type Probes = Snapshot['probes']

const probe = (fields: Partial<NonNullable<ReturnType<Probes['get']>>>): Probes =>
  new Map([[1, { readyWorkers: null, problem: null, idleSince: null, ...fields }]])

const stopping = (seats: RecordedCluster['seats'], fields: Partial<RecordedCluster> = {}) =>
  cluster('stopping', seats, { reason: 'stopped_by_user', ...fields })

const ending: Row[] = rows([
  [
    'stopped by its user: every worker is ended, also one that is being launched',
    stopping([worker(0, 'started'), worker(1, 'launching'), worker(2, 'queued')], { workers: 3 }),
    { shows: { [idOf(0)]: 'started', [idOf(2)]: 'queued' }, notAskedFor: [idOf(1)] },
    [0, 1, 2]
      .map(seat => `${idOf(seat)} is stopping: cluster_stopped`)
      .concat('terminate worker-0@1', 'terminate worker-2@1'),
  ],
  [
    'one does not end: it is asked in each pass',
    stopping([worker(0, 'stopping', { reason: 'cluster_stopped' })]),
    shows(0),
    ['terminate worker-0@1'],
  ],
  [
    'its program has ended: how is kept, and it is cleared',
    stopping([worker(0, 'stopping', { reason: 'cluster_stopped' })]),
    { shows: { [idOf(0)]: ended({ exitCode: null, signal: 'SIGTERM' }) } },
    ['keep the output of worker-0@1', 'worker-0@1 is stopping', 'terminate worker-0@1'],
  ],
  [
    'one of two is gone: it is stopping until the last is',
    stopping([
      worker(0, 'ended', { reason: 'cluster_stopped' }),
      worker(1, 'stopping', { reason: 'cluster_stopped' }),
    ]),
    shows(1),
    ['terminate worker-1@1'],
  ],
  [
    'the last is gone: stopped',
    stopping([worker(0, 'stopping', { reason: 'cluster_stopped' })]),
    {},
    ['worker-0@1 is ended', 'cluster 1 becomes stopped: stopped_by_user'],
  ],
  ...(['crash_loop', 'start_timeout', 'out_of_memory', 'worker_lost'] as const).map((reason): Row => [
    `the last is gone: what was to end because of ${reason} has failed`,
    stopping([worker(0, 'stopping', { reason: 'cluster_stopped' })], { reason }),
    {},
    ['worker-0@1 is ended', `cluster 1 becomes failed: ${reason}`],
  ]),
  ...(['completed', 'idle_timeout', 'lifetime_reached', 'stopped_by_administrator'] as const).map(
    (reason): Row => [
      `the last is gone: what was to end because of ${reason} has stopped`,
      stopping([worker(0, 'stopping', { reason: 'cluster_stopped' })], { reason }),
      {},
      ['worker-0@1 is ended', `cluster 1 becomes stopped: ${reason}`],
    ],
  ),
  [
    'its first reason stays, whatever happens until it is gone',
    stopping([failed(0, { reason: 'program_not_found' }), worker(1, 'started')], {
      expiresAt: ago(10),
      lifetimeSeconds: 1,
    }),
    shows(1),
    ['worker-1@1 is stopping: cluster_stopped', 'terminate worker-1@1'],
  ],
  [
    'nothing is launched for what is stopping',
    stopping([], { workers: 3 }),
    {},
    ['cluster 1 becomes stopped: stopped_by_user'],
  ],
])

const lasting = { lifetimeSeconds: 60 }
const idling = { ...{ runtime: 'dask', idleTimeoutSeconds: 60, address: 'tcp://10.0.0.1:1' } }
const starting = (createdAgo: number, placedAgo: number, fields: Partial<RecordedCluster> = {}) =>
  cluster('starting', [worker(0, 'placed', { createdAt: ago(createdAgo) })], {
    ...{ startedAt: ago(placedAgo), message: '0 of 1 workers are ready.' },
    ...fields,
  })

const timing: Row[] = rows([
  [
    'its lifetime is over to the millisecond',
    running({ ...lasting, expiresAt: ago(0) }),
    shows(0),
    [
      'worker-0@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: lifetime_reached',
      'terminate worker-0@1',
    ],
  ],
  ['a millisecond of its lifetime is left', running({ ...lasting, expiresAt: ago(-0.001) }), shows(0), []],
  [
    'a lifetime counts from when it started: a pending one waits as long as it takes',
    cluster('pending', [worker(0, 'queued', { createdAt: ago(9999) })], {
      ...lasting,
      reason: 'waiting_for_capacity',
      message: 'The engine has no place for it yet.',
    }),
    { shows: { [idOf(0)]: 'queued' } },
    [],
  ],
  [
    'idle for as long as it may be',
    cluster('running', [worker('scheduler', 'started')], { ...idling, workers: 0 }),
    { ...shows('scheduler'), probes: probe({ readyWorkers: 0, idleSince: new Date(ago(60)) }) },
    [
      'scheduler@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: idle_timeout',
      'terminate scheduler@1',
    ],
  ],
  [
    'not placed in time: it has failed when it is gone',
    starting(60, 60),
    { shows: { [idOf(0)]: 'placed' } },
    [
      'worker-0@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: start_timeout',
      'terminate worker-0@1',
    ],
  ],
  ['a second before: it may still come', starting(59, 59), { shows: { [idOf(0)]: 'placed' } }, []],
  [
    'ready in the last moment: it runs',
    starting(60, 60),
    shows(0),
    ['worker-0@1 is started', 'cluster 1 becomes running: ready'],
  ],
  [
    'one has waited in the queue of the engine until now: nobody is blamed for a queue',
    cluster(
      'starting',
      [worker(0, 'started', { startedAt: ago(999) }), worker(1, 'queued', { createdAt: ago(999) })],
      { workers: 2, readyWorkers: 1, startedAt: ago(999) },
    ),
    { shows: { [idOf(0)]: 'started', [idOf(1)]: 'queued' } },
    ['cluster 1 stays starting: waiting_for_capacity'],
  ],
  [
    'it was placed just now, after a long time in the queue: its time begins now',
    starting(999, 1),
    { shows: { [idOf(0)]: 'placed' } },
    [],
  ],
  [
    'grown while it starts, and there is no room for the new seat: nobody is blamed for a queue',
    cluster(
      'starting',
      [
        worker('scheduler', 'started', { startedAt: ago(999) }),
        worker(0, 'started', { startedAt: ago(999), schedulerId: idOf('scheduler') }),
      ],
      {
        ...{ runtime: 'dask', workers: 2, readyWorkers: 1, startedAt: ago(999), reason: 'launching' },
      },
    ),
    { ...shows('scheduler', 0), probes: probe({ readyWorkers: 1 }), capacity: { cpus: 2, memory: 100 } },
    ['cluster 1 stays starting: waiting_for_capacity'],
  ],
  [
    'what has been running is not starting: a lost worker may take its time',
    cluster('running', [worker(0, 'placed', { createdAt: ago(999) })], {
      readyWorkers: 0,
      reason: 'waiting_for_ready',
      message: '0 of 1 workers are ready.',
    }),
    { shows: { [idOf(0)]: 'placed' } },
    [],
  ],
  [
    'its runtime is not configured any more: it ends, for nobody knows how to run it',
    running({ runtime: 'gone' }),
    shows(0),
    [
      'worker-0@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: launch_refused',
      'terminate worker-0@1',
    ],
  ],
  [
    'its runtime is not configured any more, and nothing runs: it has failed',
    cluster('pending', [], { runtime: 'gone' }),
    {},
    ['cluster 1 becomes failed: launch_refused'],
  ],
])

test.each(ending)('ending: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})

test.each(timing)('timing: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})
