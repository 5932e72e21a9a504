import { expect, test } from 'vitest'
import { jobNameOf, parseAccounted, parseJobs, SACCT_FORMAT, SQUEUE_FORMAT, stageOf } from './jobs.ts'

const HOME = 'a1b2c3d4e5'
const at = (time: string) => new Date(`2026-11-28T${time}.000Z`)

test('the columns are those that the cases below were recorded with', () => {
  expect(SQUEUE_FORMAT).toBe('%i|%K|%T|%r|%S|%e|%l|%B|%P|%j')
  expect(SACCT_FORMAT).toBe('JobID,State,NodeList,Start,End,Timelimit,JobName')
})

// Slurm 22.05.8, TZ=UTC.
const RECORDED = `
12_0|0|RUNNING|None|2026-11-28T13:38:15|2026-11-28T13:40:15|2:00|n1|main|clusters-a1b2c3d4e5-77aa88bb99cc
12_1|1|PENDING|Resources|2026-11-28T14:00:00|2026-11-28T14:02:00|2:00|n/a|main|clusters-a1b2c3d4e5-77aa88bb99cc
12_2|2|PENDING|Priority|N/A|N/A|UNLIMITED|n/a|main,long|clusters-a1b2c3d4e5-77aa88bb99cc
9_0|0|CANCELLED|None|2026-11-28T13:30:00|2026-11-28T13:31:00|UNLIMITED|n2|main|clusters-a1b2c3d4e5-0123456789ab
`

test('reads what squeue says, a line for each worker', () => {
  expect(parseJobs(RECORDED, HOME)).toEqual([
    {
      ...{ jobId: '12_0', batch: '77aa88bb99cc', task: 0, state: 'RUNNING', reason: undefined, node: 'n1' },
      ...{ startAt: at('13:38:15'), endAt: at('13:40:15'), timeLimit: '2:00', partition: 'main' },
    },
    {
      ...{ jobId: '12_1', batch: '77aa88bb99cc', task: 1, state: 'PENDING', reason: 'Resources' },
      ...{ startAt: at('14:00:00'), endAt: at('14:02:00'), timeLimit: '2:00', partition: 'main' },
      node: undefined,
    },
    {
      ...{ jobId: '12_2', batch: '77aa88bb99cc', task: 2, state: 'PENDING', reason: 'Priority' },
      ...{ startAt: undefined, endAt: undefined, timeLimit: 'UNLIMITED', partition: 'main,long' },
      node: undefined,
    },
    {
      ...{ jobId: '9_0', batch: '0123456789ab', task: 0, state: 'CANCELLED', reason: undefined, node: 'n2' },
      ...{ startAt: at('13:30:00'), endAt: at('13:31:00'), timeLimit: 'UNLIMITED', partition: 'main' },
    },
  ])
})

test.each([
  ['of another installation', '12_0|0|RUNNING|None|N/A|N/A|1:00|n1|main|clusters-ffffffffff-77aa88bb99cc'],
  ['whose installation begins alike', '12_0|0|RUNNING|None|N/A|N/A|1:00|n1|main|clusters-a1b2c3d4e5f-77aa'],
  ['of the same user, for something else', '13|N/A|RUNNING|None|N/A|N/A|1:00|n1|main|bash'],
  ['that only has such a name', '13|N/A|RUNNING|None|N/A|N/A|1:00|n1|main|clusters-a1b2c3d4e5-77aa88bb99cc'],
  ['with more behind the name', '12_0|0|RUNNING|None|N/A|N/A|1:00|n1|main|clusters-a1b2c3d4e5-77aa|x'],
  [
    'an array that was not taken apart',
    '12_[0-9]|0-9|PENDING|None|N/A|N/A|1:00|n/a|main|clusters-a1b2c3d4e5-77',
  ],
  ['an error in between', 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)'],
  ['nothing', ''],
])('leaves out a job %s', (_name, line) => {
  expect(parseJobs(line, HOME)).toEqual([])
})

test('names carry the installation and the batch', () => {
  expect(jobNameOf(HOME, '77aa88bb99cc')).toBe('clusters-a1b2c3d4e5-77aa88bb99cc')
})

test.each([
  ...(['COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DEADLINE', 'NODE_FAIL', 'BOOT_FAIL'] as const).map(
    state => [state, 'has ended'] as const,
  ),
  ...(['PREEMPTED', 'OUT_OF_MEMORY', 'REVOKED'] as const).map(state => [state, 'has ended'] as const),
  ...(['PENDING', 'REQUEUED', 'REQUEUE_HOLD', 'SPECIAL_EXIT'] as const).map(
    state => [state, 'waits'] as const,
  ),
  ['CONFIGURING', 'is placed'] as const,
  ...(['RUNNING', 'COMPLETING', 'SUSPENDED', 'STOPPED', 'SIGNALING', 'RESIZING', 'STAGE_OUT'] as const).map(
    state => [state, 'runs'] as const,
  ),
  // What a later Slurm may say: it is still there, as far as anybody knows.
  ['SOMETHING_NEW', 'runs'] as const,
])('a job that is %s %s', (state, stage) => {
  expect(stageOf({ state })).toBe(stage)
})

test('reads what the accounting remembers', () => {
  const output = `
12_0|COMPLETED|n1|2026-11-28T13:38:15|2026-11-28T13:40:15|UNLIMITED|clusters-a1b2c3d4e5-77aa88bb99cc
12_1|CANCELLED by 1000|None assigned|None|2026-11-28T13:39:00|01:00:00|clusters-a1b2c3d4e5-77aa88bb99cc
12_2|NODE_FAIL|n2|2026-11-28T13:38:15|2026-11-28T13:41:00|01:00:00|clusters-a1b2c3d4e5-77aa88bb99cc
13|COMPLETED|n1|2026-11-28T13:38:15|2026-11-28T13:40:15|UNLIMITED|bash
`
  expect(parseAccounted(output, HOME)).toEqual([
    {
      ...{ batch: '77aa88bb99cc', task: 0, state: 'COMPLETED', node: 'n1', timeLimit: 'UNLIMITED' },
      ...{ startAt: at('13:38:15'), endAt: at('13:40:15') },
    },
    {
      ...{ batch: '77aa88bb99cc', task: 1, state: 'CANCELLED', node: undefined, timeLimit: '01:00:00' },
      ...{ startAt: undefined, endAt: at('13:39:00') },
    },
    {
      ...{ batch: '77aa88bb99cc', task: 2, state: 'NODE_FAIL', node: 'n2', timeLimit: '01:00:00' },
      ...{ startAt: at('13:38:15'), endAt: at('13:41:00') },
    },
  ])
  expect(parseAccounted('Slurm accounting storage is disabled', HOME)).toEqual([])
})
