import { expect, test } from 'vitest'
import { jobNameOf, parseAccounted, parseJobs, SACCT_FORMAT, SQUEUE_FORMAT, stageOf } from './jobs.ts'
import { describeWait } from './waiting.ts'

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

// The same jobs, submitted to each; recorded with TZ=UTC.
const BY_VERSION = {
  '20.11.4': `
16_0|0|CANCELLED|None|2026-11-28T19:18:39|2026-11-28T19:18:42|UNLIMITED|n1|main|clusters-a1b2c3d4e5-cancelled
13_0|0|FAILED|NonZeroExitCode|2026-11-28T19:18:33|2026-11-28T19:18:35|UNLIMITED|n1|main|clusters-a1b2c3d4e5-failed
18_1|1|PENDING|Resources|2026-11-28T19:39:00|2026-11-28T19:49:00|10:00|n/a|main|clusters-a1b2c3d4e5-resources
19_0|0|PENDING|Priority|2026-11-28T19:49:00|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-priority
20_0|0|PENDING|BeginTime|2026-11-28T20:18:45|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-begintime
22_0|0|PENDING|Dependency|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-dependency
21_0|0|PENDING|JobHeldUser|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-held
24_0|0|PENDING|PartitionDown|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-down
17_0|0|PENDING|ReqNodeNotAvail, UnavailableNodes:n3|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-nodedown
14_0|0|RUNNING|None|2026-11-28T19:18:33|2026-11-28T20:58:33|1:40:00|n2|main|clusters-a1b2c3d4e5-running
14_1|1|NODE_FAIL|NodeDown|2026-11-28T19:18:33|2026-11-28T19:19:27|1:40:00|n3|main|clusters-a1b2c3d4e5-running
`,
  '22.05.8': `
5_0|0|CANCELLED|None|2026-11-28T19:20:16|2026-11-28T19:20:18|365-00:00:00|n1|main|clusters-a1b2c3d4e5-cancelled
2_0|0|FAILED|NonZeroExitCode|2026-11-28T19:20:12|2026-11-28T19:20:13|365-00:00:00|n1|main|clusters-a1b2c3d4e5-failed
7_1|1|PENDING|Resources|2026-11-28T19:41:00|2026-11-28T19:51:00|10:00|n/a|main|clusters-a1b2c3d4e5-resources
8_0|0|PENDING|Priority|2026-11-28T19:51:00|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-priority
9_0|0|PENDING|BeginTime|2026-11-28T20:20:22|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-begintime
11_0|0|PENDING|Dependency|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-dependency
10_0|0|PENDING|JobHeldUser|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-held
13_0|0|PENDING|PartitionDown|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-down
3_0|0|RUNNING|None|2026-11-28T19:20:12|2026-11-28T21:00:12|1:40:00|n2|main|clusters-a1b2c3d4e5-running
`,
  '24.11.5': `
15_0|0|CANCELLED|None|2026-11-28T19:18:39|2026-11-28T19:18:42|365-00:00:00|n1|main|clusters-a1b2c3d4e5-cancelled
12_0|0|FAILED|NonZeroExitCode|2026-11-28T19:18:34|2026-11-28T19:18:35|UNLIMITED|n1|main|clusters-a1b2c3d4e5-failed
17_1|1|PENDING|Resources|2026-11-28T19:19:33|2026-11-28T19:29:33|10:00|n/a|main|clusters-a1b2c3d4e5-resources
18_0|0|PENDING|Priority|2026-11-28T19:50:00|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-priority
19_0|0|PENDING|BeginTime|2026-11-28T20:18:45|NONE|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-begintime
21_0|0|PENDING|Dependency|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-dependency
20_0|0|PENDING|JobHeldUser|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-held
23_0|0|PENDING|PartitionDown|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-down
16_0|0|PENDING|ReqNodeNotAvail, May be reserved for other job|N/A|N/A|UNLIMITED|n/a|main|clusters-a1b2c3d4e5-nodedown
13_0|0|RUNNING|None|2026-11-28T19:18:34|2026-11-28T20:58:34|1:40:00|n2|main|clusters-a1b2c3d4e5-running
13_1|1|NODE_FAIL|NodeDown|2026-11-28T19:18:34|2026-11-28T19:19:28|1:40:00|n3|main|clusters-a1b2c3d4e5-running
`,
}

test.each(Object.entries(BY_VERSION))('reads the words of Slurm %s', (_version, output) => {
  const lines = output.trim().split('\n')
  const jobs = parseJobs(output, HOME)
  expect(jobs).toHaveLength(lines.length)
  for (const job of jobs) {
    const { batch, task, startAt, endAt, node } = job
    if (batch === 'cancelled' || batch === 'failed' || (batch === 'running' && task === 1)) {
      expect([stageOf(job), startAt, endAt]).toEqual(['has ended', expect.any(Date), expect.any(Date)])
    } else if (batch === 'running') {
      expect([stageOf(job), node, startAt]).toEqual(['runs', 'n2', expect.any(Date)])
    } else {
      expect([stageOf(job), node]).toEqual(['waits', undefined])
      expect(startAt !== undefined).toBe(['resources', 'priority', 'begintime'].includes(batch))
      // The word, and what it means.
      expect(describeWait(job, undefined)).toMatch(/^Slurm: \w+.* \(.+\)\./)
    }
  }
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
