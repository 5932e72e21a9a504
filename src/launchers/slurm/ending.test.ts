import { expect, test } from 'vitest'
import { describeEnding, parseEndRecord, type Ended } from './ending.ts'

const START = new Date('2026-11-28T13:00:00Z')
const END = new Date('2026-11-28T13:10:00Z')

function endOf(state: string | undefined, changes: Partial<Ended> = {}) {
  return describeEnding({
    job:
      state === undefined ? undefined : { state, node: 'n2', startAt: START, endAt: END, timeLimit: '10:00' },
    ...{ record: undefined, notRun: undefined, isCancelled: false, memoryGib: 2 },
    ...{ begunAt: START, endedAt: undefined },
    ...{ folder: '/shared/clusters', now: new Date('2026-11-28T15:00:00Z') },
    ...changes,
  })
}

const record = (exitCode: number, isSignal = false) => ({
  ...{ exitCode, isSignal, peakMemoryBytes: null, cpuSeconds: 0.5 },
})

test.each([
  ['dash', '7 0 1048576\n0m0.00s 0m0.01s\n1m2.50s 0m0.25s\n', [7, false, 1_048_576, 62.75]],
  ['bash', '143 1 \n0m0.001s 0m0.002s\n0m0.120s 0m0.080s\n', [143, true, null, 0.2]],
  ['bash with a comma', '0 0 \n0m0,001s 0m0,002s\n0m0,120s 0m0,080s\n', [0, false, null, 0.2]],
  ['a shell without times', '0 0 \n', [0, false, null, null]],
])('reads what a job writes at its end, from %s', (_shell, text, expected) => {
  const parsed = parseEndRecord(text)
  const { exitCode, isSignal, peakMemoryBytes, cpuSeconds } = parsed ?? {}
  expect([exitCode, isSignal, peakMemoryBytes, cpuSeconds && Number(cpuSeconds.toFixed(6))]).toEqual(expected)
})

test.each(['', '7', '7 0', '7 0 ', 'x 0 \n', '7 2 \n', '-1 0 \n'])('takes %j for no record', text => {
  expect(parseEndRecord(text)).toBeUndefined()
})

test('what a program did itself is told by its exit code alone', () => {
  expect(endOf('COMPLETED', { record: record(0) })).toEqual({
    ...{ startedAt: START, endedAt: END, exitCode: 0, signal: null, reason: undefined, message: null },
  })
  expect(endOf('FAILED', { record: record(7) })).toMatchObject({
    exitCode: 7,
    reason: undefined,
    message: null,
  })
  expect(endOf('FAILED', { record: record(139, true) })).toMatchObject({ exitCode: null, signal: 'SIGSEGV' })
})

test.each([
  [
    'OUT_OF_MEMORY',
    { record: { ...record(137, true), peakMemoryBytes: 2 * 1024 ** 3 } },
    'out_of_memory',
    'was over its memory of 2 GiB (peak 2 GiB): ask for more (Slurm: OUT_OF_MEMORY)',
  ],
  [
    'OUT_OF_MEMORY',
    { memoryGib: undefined },
    'out_of_memory',
    'was over its memory: ask for more (Slurm: OUT_OF_MEMORY)',
  ],
  [
    'TIMEOUT',
    { record: record(143, true) },
    'time_limit',
    'reached its time limit of 10:00 in Slurm (TIMEOUT)',
  ],
  ['DEADLINE', {}, 'time_limit', 'reached its time limit of 10:00 in Slurm (DEADLINE)'],
  ['NODE_FAIL', {}, 'node_failed', 'was lost with its node n2 (Slurm: NODE_FAIL)'],
  ['BOOT_FAIL', {}, 'node_failed', 'was lost with its node n2 (Slurm: BOOT_FAIL)'],
  [
    'PREEMPTED',
    { record: record(143, true) },
    'preempted',
    'had to make room for another job (Slurm: PREEMPTED)',
  ],
  [
    'CANCELLED',
    { record: record(143, true) },
    'worker_lost',
    'was cancelled in Slurm, not by this server: an administrator may have done so (CANCELLED)',
  ],
  ['CANCELLED', { record: record(143, true), isCancelled: true }, undefined, null],
  [
    'FAILED',
    { begunAt: undefined },
    'worker_lost',
    'could not begin on the node n2 (Slurm: FAILED): can /shared/clusters be read and written there?',
  ],
  [
    'COMPLETED',
    {},
    'worker_lost',
    'was ended from outside on the node n2 (Slurm: COMPLETED), and could not say how',
  ],
  [undefined, {}, 'worker_lost', 'has ended, and Slurm does not know any more how'],
  [undefined, { record: record(3) }, undefined, null],
  [
    'FAILED',
    { record: record(127), notRun: 'could not run its program: x' },
    'program_not_found',
    'could not run its program: x',
  ],
] as const)('says why: %s %j', (state, changes, reason, message) => {
  const end = endOf(state, changes)
  expect([end.reason, end.message]).toEqual([reason, message])
})

const at = (time: string) => new Date(`2026-11-28T${time}Z`)

test.each([
  // Slurm's controller was down meanwhile, and heard of the end later.
  ['of its own word', 'COMPLETED', { endedAt: at('13:02:00') }, [START, at('13:02:00')]],
  ["of Slurm's, when it is the earlier one", 'COMPLETED', { endedAt: at('13:10:00.4') }, [START, END]],
  [
    'of its own word, when Slurm has forgotten it',
    undefined,
    { begunAt: at('13:00:00.4'), endedAt: at('13:02:00') },
    [at('13:00:00.4'), at('13:02:00')],
  ],
  ['when it was looked for, when nobody knows', undefined, {}, [START, at('15:00:00')]],
  [
    'of the start, when a clock is behind',
    'COMPLETED',
    { record: record(0), endedAt: at('12:59:00') },
    [START, START],
  ],
] as const)('tells the time %s', (_whose, state, changes, [startedAt, endedAt]) => {
  expect(endOf(state, changes)).toMatchObject({ startedAt, endedAt })
})

test('a job that was cancelled while it waited has never started', () => {
  expect(endOf('CANCELLED', { begunAt: undefined, isCancelled: true }).startedAt).toBeNull()
})
