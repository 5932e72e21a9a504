import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  daskSeats,
  exit,
  failed,
  idOf,
  planFor,
  tell,
  worker,
  workers,
  type Around,
} from '../../test/support/snapshots.ts'
import { DEFAULT_PORT_RANGE } from '../runtimes.ts'
import type { RecordedCluster } from './snapshot.ts'
import { portsOf } from './spec.ts'

/** Clusters with a scheduler, and engines that cannot be asked, as a table. */
type Row = [name: string, recorded: RecordedCluster, around: Around, planned: string[]]

const rows = (table: Row[]) => table

const dask = (
  status: RecordedCluster['status'],
  seats: RecordedCluster['seats'],
  fields: Partial<RecordedCluster> = {},
) =>
  cluster(status, seats, {
    ...{ runtime: 'dask', workers: 2, readyWorkers: status === 'running' ? 2 : 0 },
    address: seats.some(({ role, status: of }) => role === 'scheduler' && of === 'started') ? ADDRESS : null,
    ...fields,
  })

/** The port follows from the scheduler's id. */
const ADDRESS = `tcp://10.0.0.1:${portsOf(idOf('scheduler'), { ports: ['scheduler_port', 'http_port'], portRange: DEFAULT_PORT_RANGE })['scheduler_port']}`

const shows = (...seats: (number | 'scheduler')[]) =>
  Object.fromEntries(seats.map(seat => [idOf(seat), 'started' as const]))

const ready = (readyWorkers: number): Pick<Around, 'probes'> => ({
  probes: new Map([[1, { readyWorkers, problem: null, idleSince: null }]]),
})

const next = worker('scheduler', 'started', { id: 'next-scheduler', attempt: 2 })

const scheduling: Row[] = rows([
  ['the scheduler is launched first, and alone', dask('pending', []), {}, ['launch scheduler@1']],
  [
    'while it waits for a place nobody else is launched',
    dask('pending', [worker('scheduler', 'queued')], {
      reason: 'waiting_for_capacity',
      message: 'The engine has no place for it yet.',
    }),
    { shows: { [idOf('scheduler')]: 'queued' } },
    [],
  ],
  [
    'while it has a place and has not started neither',
    dask('pending', [worker('scheduler', 'queued')]),
    { shows: { [idOf('scheduler')]: 'placed' } },
    ['scheduler@1 is placed', 'cluster 1 becomes starting: waiting_for_ready'],
  ],
  [
    'it has started, with an address: the workers are launched, and clients can connect',
    dask('starting', [worker('scheduler', 'placed')]),
    { shows: shows('scheduler') },
    [
      'launch worker-0@1',
      'launch worker-1@1',
      'scheduler@1 is started',
      'cluster 1 stays starting: waiting_for_ready',
    ],
  ],
  [
    'all have started, and its scheduler knows of none: not ready',
    dask('starting', daskSeats(2), { message: '0 of 2 workers are ready.' }),
    { shows: shows('scheduler', 0, 1), ...ready(0) },
    [],
  ],
  [
    'its scheduler knows of one',
    dask('starting', daskSeats(2)),
    { shows: shows('scheduler', 0, 1), ...ready(1) },
    ['cluster 1 stays starting: waiting_for_ready'],
  ],
  [
    'its scheduler knows of all: it runs',
    dask('starting', daskSeats(2)),
    { shows: shows('scheduler', 0, 1), ...ready(2) },
    ['cluster 1 becomes running: ready'],
  ],
  [
    'its scheduler claims more than there are: only what runs counts',
    dask('starting', [...daskSeats(1), worker(1, 'placed', { schedulerId: idOf('scheduler') })], {
      message: '1 of 2 workers is ready.',
      readyWorkers: 1,
    }),
    { shows: { ...shows('scheduler', 0), [idOf(1)]: 'placed' }, ...ready(99) },
    [],
  ],
  [
    'nobody has asked it since our start: what was known stays',
    dask('running', daskSeats(2)),
    { shows: shows('scheduler', 0, 1) },
    [],
  ],
  [
    'it ended well, as a client told it to: completed, and the workers end',
    dask('running', [worker('scheduler', 'ended', { reason: 'completed' }), ...daskSeats(2).slice(1)]),
    { shows: shows(0, 1) },
    [
      ...['worker-0@1 is stopping: cluster_stopped', 'worker-1@1 is stopping: cluster_stopped'],
      ...['cluster 1 becomes stopping: completed', 'terminate worker-0@1', 'terminate worker-1@1'],
    ],
  ],
  [
    'it failed: its workers are ended at once, for they cannot work for another one',
    dask('running', [failed('scheduler'), ...daskSeats(2).slice(1)]),
    { shows: shows(0, 1) },
    [
      ...['worker-0@1 is stopping: scheduler_replaced', 'worker-1@1 is stopping: scheduler_replaced'],
      ...['cluster 1 stays running: worker_lost', 'terminate worker-0@1', 'terminate worker-1@1'],
    ],
  ],
  [
    'it failed a second ago: the next one',
    dask(
      'running',
      [
        failed('scheduler', { endedAt: ago(1) }),
        ...workers(2, 'stopping', { reason: 'scheduler_replaced', schedulerId: idOf('scheduler') }),
      ],
      {
        reason: 'worker_lost',
        message: 'The scheduler ended with exit code 3. Another one takes its place (attempt 2 of 5).',
      },
    ),
    { shows: shows(0, 1) },
    [
      'launch scheduler@1, attempt 2',
      'cluster 1 stays running: worker_lost',
      'terminate worker-0@1',
      'terminate worker-1@1',
    ],
  ],
  [
    'the next one has started: new workers, each with its first attempt, for those before it were not at fault',
    dask(
      'running',
      [
        next,
        ...workers(2, 'ended', { reason: 'scheduler_replaced', schedulerId: idOf('scheduler'), attempt: 3 }),
      ],
      { readyWorkers: 0, address: null },
    ),
    { shows: { [next.id]: 'started' } },
    ['launch worker-0@1', 'launch worker-1@1', 'cluster 1 stays running: waiting_for_ready'],
  ],
  [
    'a worker that was launched for the one before is ended, also when it starts late',
    dask(
      'running',
      [
        next,
        worker(0, 'launching', { schedulerId: idOf('scheduler') }),
        worker(1, 'started', { schedulerId: next.id }),
      ],
      { readyWorkers: 1 },
    ),
    { shows: { [next.id]: 'started', ...shows(0, 1) }, ...ready(1) },
    [
      'worker-0@1 is stopping: scheduler_replaced',
      'cluster 1 stays running: waiting_for_ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'five schedulers failed in a row: crash loop',
    dask('running', [failed('scheduler', { attempt: 5 })]),
    {},
    ['cluster 1 becomes failed: crash_loop'],
  ],
  [
    'grown: the scheduler stays',
    dask('running', daskSeats(2), { workers: 3 }),
    { shows: shows('scheduler', 0, 1), ...ready(2) },
    ['launch worker-2@1', 'cluster 1 stays running: waiting_for_ready'],
  ],
])

const job = (status: RecordedCluster['status'], seats: RecordedCluster['seats']) =>
  dask(status, seats, { runtime: 'job', readyWorkers: 0 })

const done = (seat: number | 'scheduler', status: 'ended' | 'stopping' = 'ended') =>
  worker(seat, status, {
    reason: 'completed',
    message: 'ended with exit code 0',
    schedulerId: seat === 'scheduler' ? null : idOf('scheduler'),
  })

const jobs: Row[] = rows([
  [
    'all workers of a job have ended well: it is completed, and its scheduler ends',
    job('running', [worker('scheduler', 'started'), done(0), done(1)]),
    { shows: shows('scheduler') },
    [
      'scheduler@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: completed',
      'terminate scheduler@1',
    ],
  ],
  [
    'the scheduler of a job has ended well: it is completed, and is not launched again',
    job('running', [done('scheduler'), done(0), done(1, 'stopping')]),
    { shows: { [idOf(1)]: exit(0) } },
    ['cluster 1 becomes stopping: completed', 'terminate worker-1@1'],
  ],
  [
    'the scheduler of a job failed: nothing is replaced, so the job has failed',
    job('running', [failed('scheduler'), done(0), done(1)]),
    {},
    ['cluster 1 becomes failed: worker_exited'],
  ],
])

const why = 'connection refused'
const unreachable: Row[] = rows([
  ['pending: nothing is launched', cluster('pending'), {}, ['cluster 1 stays pending: engine_unreachable']],
  [
    'launching: nothing is concluded',
    cluster('pending', [worker(0, 'launching')]),
    {},
    ['cluster 1 stays pending: engine_unreachable'],
  ],
  [
    'starting: its time does not run out',
    cluster('starting', [worker(0, 'placed', { createdAt: ago(999) })], { startedAt: ago(999) }),
    {},
    ['cluster 1 stays starting: engine_unreachable'],
  ],
  [
    'running: it keeps its status and its workers',
    cluster('running', [worker(0, 'started')]),
    {},
    ['cluster 1 stays running: engine_unreachable'],
  ],
  [
    'running and ready by its scheduler’s word: it keeps what was known',
    dask('running', daskSeats(2), {
      reason: 'engine_unreachable',
      message: `The engine cannot be asked now (${why}). Its workers go on as they are; the engine is asked again.`,
    }),
    ready(0),
    [],
  ],
  [
    'an empty seat is not taken',
    cluster('running', [failed(0, { endedAt: ago(99) })]),
    {},
    ['cluster 1 stays running: engine_unreachable'],
  ],
  [
    'shrunk: nobody is ended',
    cluster('running', workers(2, 'started')),
    {},
    ['cluster 1 stays running: engine_unreachable'],
  ],
  [
    'stopping: it keeps the reason it has',
    cluster('stopping', [worker(0, 'stopping', { reason: 'cluster_stopped' })], {
      reason: 'stopped_by_user',
    }),
    {},
    [],
  ],
  [
    'stopping: whoever is to end is recorded, and nothing more is done',
    cluster('stopping', [worker(0, 'started')], { reason: 'stopped_by_user' }),
    {},
    ['worker-0@1 is stopping: cluster_stopped'],
  ],
])

test.each(scheduling)('schedulers: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})

test.each(jobs)('jobs: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})

test.each(unreachable)('unreachable: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], { ...around, unreachable: why }))).toEqual(planned)
})
