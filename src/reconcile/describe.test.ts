import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  ended,
  failed,
  idOf,
  planFor,
  worker,
  workers,
  type Around,
} from '../../test/support/snapshots.ts'
import type { RecordedCluster } from './snapshot.ts'

/** What users are told of a cluster, word for word. */
type Row = [told: string | null, recorded: RecordedCluster[], around?: Around]

const rows = (table: Row[]) => table

const pending = (id: number, fields: Partial<RecordedCluster> = {}) =>
  cluster('pending', [], { id, ...fields })
const shows = (...seats: number[]) => Object.fromEntries(seats.map(seat => [idOf(seat), 'started' as const]))
const crowd = (count: number) => Array.from({ length: count }, (_, index) => pending(100 + index))
const full: Around = { capacity: { cpus: 2, memory: 8 }, shows: shows(0, 1) }
const two = cluster('running', workers(2, 'started'), { workers: 2 })

const messages = rows([
  [
    'The engine has no place for it yet.',
    [cluster('pending', [worker(0, 'launching')])],
    { shows: { [idOf(0)]: 'queued' } },
  ],
  [
    '(Resources)',
    [cluster('pending', [worker(0, 'launching')])],
    { shows: { [idOf(0)]: { kind: 'queued', message: '(Resources)' } } },
  ],
  [
    'The engine gives whole CPUs: each worker has 2 CPUs for the 1.5 it asked for.',
    [cluster('running', [worker(0, 'started')], { cpus: 1.5 })],
    { shows: shows(0), givesWholeCpus: true },
  ],
  [
    'The engine gives whole CPUs: each worker has 1 CPU for the 0.25 it asked for.',
    [pending(1, { cpus: 0.25 })],
    { givesWholeCpus: true },
  ],
  [
    '0 of 1 workers are ready.',
    [cluster('pending', [worker(0, 'launching')])],
    { shows: { [idOf(0)]: 'placed' } },
  ],
  [
    '1 of 2 workers is ready.',
    [cluster('pending', workers(2, 'launching'), { workers: 2 })],
    { shows: { ...shows(0), [idOf(1)]: 'placed' } },
  ],
  [
    'Waits for room: it needs 1 CPU, and 2 of 2 are in use; it needs 1 GiB, and 2 of 8 are in use. It is the next one. Stop a cluster, or ask for less.',
    [two, pending(2)],
    full,
  ],
  [
    'Waits for room: it needs 0.5 CPUs, and 2 of 2 are in use; it needs 1 GiB, and 2 of 8 are in use. 1 cluster waits before it; they start in the order they were asked for. Stop a cluster, or ask for less.',
    [two, pending(2), pending(3, { cpus: 0.5 })],
    full,
  ],
  [
    'Waits for room: it needs 1 CPU, and 2 of 2 are in use. 49 clusters wait before it; they start in the order they were asked for. Stop a cluster, or ask for less.',
    [two, ...crowd(50)],
    { ...full, capacity: { cpus: 2, memory: Infinity } },
  ],
  [
    'Never has room here: it needs 3 CPUs and 3 GiB, and this server has 2 CPUs and 8 GiB for all clusters together. Stop it, or make it smaller.',
    [pending(1, { workers: 3 })],
    full,
  ],
  [
    'Worker 0 ended with exit code 3. Another one takes its place (attempt 2 of 5).',
    [cluster('running', [failed(0)], { readyWorkers: 0 })],
  ],
  [
    'Worker 0 ended with exit code 3. Another one takes its place (attempt 5 of 5).',
    [cluster('running', [failed(0, { attempt: 4 })], { readyWorkers: 0 })],
  ],
  [
    'Worker 0 ended with exit code 3. Another one takes its place (attempt 2 of 5).',
    [cluster('running', [failed(0, { attempt: 4, startedAt: ago(9999) })], { readyWorkers: 0 })],
  ],
  [
    'The scheduler was ended by the signal SIGKILL. Another one takes its place (attempt 2 of 5).',
    [
      cluster('running', [failed('scheduler', { message: 'was ended by the signal SIGKILL' })], {
        runtime: 'dask',
      }),
    ],
  ],
  [
    'Worker 0 failed 5 times in a row. The last time: Worker 0 ended with exit code 3. GET /clusters/1/logs?worker=0 shows its output.',
    [cluster('running', [failed(0, { attempt: 5 })])],
  ],
  [
    'Worker 0 ended with exit code 3. GET /clusters/1/logs?worker=0 shows its output.',
    [cluster('running', [failed(0)], { runtime: 'command' })],
  ],
  [
    'Its worker ended with exit code 0.',
    [cluster('running', [failed(0, { reason: 'completed' })], { runtime: 'command' })],
  ],
  [
    'All its workers ended with exit code 0.',
    [
      cluster(
        'running',
        [0, 1].map(seat => failed(seat, { reason: 'completed' })),
        { runtime: 'command', workers: 2 },
      ),
    ],
  ],
  [
    '1 of 2 workers has ended with exit code 0.',
    [
      cluster('running', [failed(0, { reason: 'completed' }), worker(1, 'started')], {
        runtime: 'command',
        workers: 2,
      }),
    ],
    { shows: shows(1) },
  ],
  [
    'Its scheduler ended with exit code 0: a client has shut it down.',
    [cluster('running', [failed('scheduler', { reason: 'completed' })], { runtime: 'dask' })],
  ],
  [
    'Its lifetime_seconds of 60 are over.',
    [cluster('running', [], { lifetimeSeconds: 60, expiresAt: ago(1) })],
  ],
  [
    'Not all its workers were ready within 60 s of their start. 0 of 1 workers were ready. GET /clusters/1/logs?worker=0 shows its output.',
    [cluster('starting', [worker(0, 'placed')], { startedAt: ago(60) })],
    { shows: { [idOf(0)]: 'placed' } },
  ],
  [
    'Its scheduler and workers were not ready within 2 min of their start. It says nothing. GET /clusters/1/logs?worker=scheduler shows its output.',
    [
      cluster('starting', [worker('scheduler', 'placed', { createdAt: ago(120) })], {
        runtime: 'dask',
        startedAt: ago(120),
      }),
    ],
    {
      shows: { [idOf('scheduler')]: 'placed' },
      probes: new Map([[1, { readyWorkers: null, problem: 'It says nothing.', idleSince: null }]]),
    },
  ],
  [
    'The runtime gone is not configured on this server any more: its operator removed it.',
    [pending(1, { runtime: 'gone' })],
  ],
  [
    'The engine cannot be asked now (no route). Its workers go on as they are; the engine is asked again.',
    [pending(1)],
    { unreachable: 'no route' },
  ],
])

/** Of the last cluster, unless nothing is said of it. */
test.each(messages)('%s', (told, recorded, around = {}) => {
  const { id } = recorded.at(-1) ?? { id: 0 }
  const step = planFor(recorded, around).steps.find(({ clusterId }) => clusterId === id)
  expect(step?.change?.message).toBe(told)
})

test('far behind in the queue the numbers are not written anew in each pass', () => {
  const waits = (id: number, message: string) => pending(id, { reason: 'waiting_for_capacity', message })
  const recorded = [two, ...crowd(51).map(({ id }) => waits(id, 'Waits.'))]
  const { steps } = planFor(recorded, full)
  expect(steps.map(({ clusterId }) => clusterId)).toEqual(crowd(50).map(({ id }) => id))
})

test('what it begins with: when it started, when it was ready, and when its lifetime ends', () => {
  const launched = cluster('pending', [worker(0, 'launching')], { lifetimeSeconds: 90 })
  const [step] = planFor([launched], { shows: shows(0) }).steps
  expect(step?.change).toMatchObject({
    startedAt: ago(0),
    readyAt: ago(0),
    expiresAt: ago(-90),
    endedAt: null,
  })
})

test('what ended before anybody saw it run started all the same', () => {
  const quick = worker(0, 'stopping', { reason: 'completed', message: 'ended', startedAt: ago(7) })
  const [step] = planFor([cluster('pending', [quick], { runtime: 'command' })]).steps
  expect(step?.change).toMatchObject({ startedAt: ago(7), readyAt: null, endedAt: ago(0) })
})

test('the figures of the engine are kept with the end of a worker', () => {
  const end = ended({
    exitCode: null,
    signal: 'SIGKILL',
    reason: 'out_of_memory',
    message: 'took more than 1 GiB',
  })
  const [step] = planFor([cluster('running', [worker(0, 'started')])], { shows: { [idOf(0)]: end } }).steps
  expect(step?.closings).toMatchObject([
    {
      reason: 'out_of_memory',
      message: 'took more than 1 GiB',
      signal: 'SIGKILL',
      exitCode: null,
      endedAt: null,
    },
  ])
})

test('the next pass is due when a seat may be taken again, or a lifetime ends', () => {
  const waiting = cluster('running', [failed(0, { attempt: 2 })], {
    expiresAt: ago(-60),
    lifetimeSeconds: 90,
  })
  expect(planFor([waiting]).nextAtMs).toBe(Date.parse(ago(-2)))
  const lasting = cluster('running', [worker(0, 'started')], { expiresAt: ago(-60), lifetimeSeconds: 90 })
  expect(planFor([lasting], { shows: shows(0) }).nextAtMs).toBe(Date.parse(ago(-60)))
  expect(planFor([pending(1)]).nextAtMs).toBeUndefined()
})
