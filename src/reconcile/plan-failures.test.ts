import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  exit,
  failed,
  idOf,
  planFor,
  tell,
  worker,
  type Around,
} from '../../test/support/snapshots.ts'
import type { RecordedCluster } from './snapshot.ts'

/** What becomes of a cluster whose workers end, as a table: what is recorded, what the engine shows, what is planned. */
type Row = [name: string, recorded: RecordedCluster, around: Around, planned: string[]]

const rows = (table: Row[]) => table

const shows = (...seats: (number | 'scheduler')[]): Around => ({
  shows: Object.fromEntries(seats.map(seat => [idOf(seat), 'started' as const])),
})

const running = (fields: Partial<RecordedCluster> = {}) => cluster('running', [worker(0, 'started')], fields)

const failing: Row[] = rows([
  ...([2, 3, 4, 5] as const).flatMap((attempt): Row[] => {
    const seconds = 2 ** (attempt - 2)
    const lost = (endedAgo: number) =>
      cluster(
        'running',
        [failed(0, { attempt: attempt - 1, endedAt: ago(endedAgo), startedAt: ago(endedAgo + 1) })],
        {
          reason: 'worker_lost',
          message: `Worker 0 ended with exit code 3. Another one takes its place (attempt ${attempt} of 5).`,
          readyWorkers: 0,
        },
      )
    return [
      [
        `after ${attempt - 1} failures in a row the seat stays empty for ${seconds} s`,
        lost(seconds - 0.001),
        {},
        [],
      ],
      [
        `and is taken after them, attempt ${attempt}`,
        lost(seconds),
        {},
        [`launch worker-0@1, attempt ${attempt}`],
      ],
    ]
  }),
  [
    'the fifth failure in a row ends the cluster, and what runs of it is ended',
    cluster('running', [failed(0, { attempt: 5 }), worker(1, 'started')], { workers: 2 }),
    shows(1),
    [
      'worker-1@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: crash_loop',
      'terminate worker-1@1',
    ],
  ],
  [
    'the fifth failure in a row, and nothing else runs: it has failed at once',
    cluster('running', [failed(0, { attempt: 5 })]),
    {},
    ['cluster 1 becomes failed: crash_loop'],
  ],
  [
    'so it does with exit code 0: what is to run for ever must not end',
    cluster('running', [failed(0, { attempt: 5, reason: 'completed', message: 'ended with exit code 0' })]),
    {},
    ['cluster 1 becomes failed: crash_loop'],
  ],
  [
    'a worker that ran for ten minutes was well: the fifth failure counts as the first',
    cluster('running', [failed(0, { attempt: 5, startedAt: ago(601), endedAt: ago(1) })]),
    {},
    ['launch worker-0@1, attempt 2', 'cluster 1 stays running: worker_lost'],
  ],
  [
    'a little less than ten minutes is not well enough',
    cluster('running', [failed(0, { attempt: 5, startedAt: ago(600), endedAt: ago(1) })]),
    {},
    ['cluster 1 becomes failed: crash_loop'],
  ],
  [
    'a program that is not there ends the cluster at the first attempt',
    cluster('running', [failed(0, { reason: 'program_not_found', message: 'has no such program' })]),
    {},
    ['cluster 1 becomes failed: program_not_found'],
  ],
  [
    'exit code 127 within five seconds: there is no such program',
    running(),
    { shows: { [idOf(0)]: exit(127, 4999) } },
    [
      'keep the output of worker-0@1',
      'worker-0@1 is stopping: program_not_found',
      'cluster 1 stays running: ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'exit code 126 within five seconds: it cannot be executed',
    running(),
    { shows: { [idOf(0)]: exit(126, 100) } },
    [
      'keep the output of worker-0@1',
      'worker-0@1 is stopping: program_not_found',
      'cluster 1 stays running: ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'exit code 127 after more than that: the program was there, and said so itself',
    running(),
    { shows: { [idOf(0)]: exit(127, 5000) } },
    [
      'keep the output of worker-0@1',
      'worker-0@1 is stopping: worker_exited',
      'cluster 1 stays running: ready',
      'terminate worker-0@1',
    ],
  ],
  [
    'a refused launch is tried again, should the engine think better of it',
    cluster('pending', [
      failed(0, {
        reason: 'launch_refused',
        message: 'could not be launched: no',
        startedAt: null,
        endedAt: ago(1),
      }),
    ]),
    {},
    ['launch worker-0@1, attempt 2', 'cluster 1 stays pending: worker_lost'],
  ],
  [
    'refused for the fifth time: it has failed with the engine’s words',
    cluster('pending', [failed(0, { attempt: 5, reason: 'launch_refused', startedAt: null })]),
    {},
    ['cluster 1 becomes failed: launch_refused'],
  ],
  [
    'broken off for the fifth time: it has failed',
    cluster('pending', [failed(0, { attempt: 5, reason: 'never_started', startedAt: null })]),
    {},
    ['cluster 1 becomes failed: launch_refused'],
  ],
])

const job = (
  status: RecordedCluster['status'],
  seats: RecordedCluster['seats'],
  fields: Partial<RecordedCluster> = {},
) => cluster(status, seats, { runtime: 'command', ...fields })

const done = (seat: number) =>
  worker(seat, 'ended', { reason: 'completed', message: 'ended with exit code 0' })

const completing: Row[] = rows([
  [
    'one of two has ended well: the cluster goes on, ready as it was',
    job('running', [done(0), worker(1, 'started')], { workers: 2, readyWorkers: 1 }),
    shows(1),
    ['cluster 1 stays running: ready'],
  ],
  [
    'all have ended well: completed',
    job('running', [done(0), done(1)], { workers: 2 }),
    {},
    ['cluster 1 becomes stopped: completed'],
  ],
  [
    'all have ended well, and the last is still shown: it is stopping until that is gone',
    job('running', [worker(0, 'stopping', { reason: 'completed', message: 'ended with exit code 0' })]),
    { shows: { [idOf(0)]: exit(0) } },
    ['cluster 1 becomes stopping: completed', 'terminate worker-0@1'],
  ],
  [
    'a worker that ends before anybody has seen it run completes a pending cluster',
    job(
      'pending',
      [worker(0, 'stopping', { reason: 'completed', message: 'ended with exit code 0', startedAt: ago(1) })],
      { startedAt: null },
    ),
    {},
    ['worker-0@1 is ended', 'cluster 1 becomes stopped: completed'],
  ],
  [
    'the first bad end ends the cluster with its reason, and the others with it',
    job('running', [failed(0), worker(1, 'started')], { workers: 2 }),
    shows(1),
    [
      'worker-1@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: worker_exited',
      'terminate worker-1@1',
    ],
  ],
  [
    'out of memory is such an end',
    job('running', [failed(0, { reason: 'out_of_memory', message: 'took more than 1 GiB' })]),
    {},
    ['cluster 1 becomes failed: out_of_memory'],
  ],
  [
    'what may run once only is not launched again when it is lost',
    job('running', [failed(0, { reason: 'worker_lost', message: 'is gone' })]),
    {},
    ['cluster 1 becomes failed: worker_lost'],
  ],
  [
    'what never began may begin again',
    job('pending', [failed(0, { reason: 'never_started', startedAt: null, endedAt: ago(1) })]),
    {},
    ['launch worker-0@1, attempt 2', 'cluster 1 stays pending: worker_lost'],
  ],
  [
    'grown while it runs: the new seat is launched, the one that is done is not',
    job('running', [done(0), worker(1, 'started')], { workers: 3, readyWorkers: 1 }),
    shows(1),
    ['launch worker-2@1', 'cluster 1 stays running: waiting_for_ready'],
  ],
  [
    'shrunk: what was done on a seat that it has no more does not count',
    job('starting', [worker(0, 'queued'), done(1)], { workers: 1, readyWorkers: 0 }),
    { shows: { [idOf(0)]: 'queued' } },
    ['cluster 1 stays starting: waiting_for_capacity'],
  ],
  [
    'shrunk to those that are done: completed',
    job('running', [done(0), worker(1, 'started')], { workers: 1 }),
    shows(1),
    [
      'worker-1@1 is stopping: cluster_stopped',
      'cluster 1 becomes stopping: completed',
      'terminate worker-1@1',
    ],
  ],
])

test.each(failing)('failing: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})

test.each(completing)('completing: %s', (_, recorded, around, planned) => {
  expect(tell(planFor([recorded], around))).toEqual(planned)
})
