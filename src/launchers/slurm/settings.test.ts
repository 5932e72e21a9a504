import { expect, test } from 'vitest'
import { OperatorError } from '../../domain/errors.ts'
import { listPartitions, parseJobSettings, settingsFor, SLURM_SETTINGS } from './settings.ts'

const FLAGS_ALLOWED = SLURM_SETTINGS.slurm_flags.allowed
const parse = (content: unknown) => parseJobSettings(content, 'FILE')

test.each([
  ['--constraint=skylake', ['--constraint=skylake']],
  [' --gres=gpu:1,shard:2   --exclusive ', ['--gres=gpu:1,shard:2', '--exclusive']],
  ...[
    ...['--array=0-9', '--arr=0-9', '--job-name=x', '--export=NONE', '--requeue', '--output=x', '--mem=1'],
    ...['-p main', 'gpu', '--gres gpu:1', '--wrap=x', '--', '--=x', '--GRES=x', '--gres=é'],
  ].map((flag): [string, undefined] => [flag, undefined]),
])('reads options of sbatch, and none that would lose workers: %s', (text, expected) => {
  expect(SLURM_SETTINGS.slurm_flags.parse(text)).toEqual(expected)
})

test.each([
  ['slurm_partition', '--mem=1'],
  ['slurm_partition', 'a b'],
  ['slurm_account', 'a;b'],
  ['slurm_qos', ''],
  ['slurm_time_limit_minutes', '0'],
] as const)('refuses %s %j', (key, text) => {
  expect(SLURM_SETTINGS[key].parse(text)).toBeUndefined()
})

test('reads what jobs of a runtime are submitted with', () => {
  const byRuntime = parse({
    dask: { partition: 'long', time_limit_minutes: 60, flags: ['--gres=gpu:1', '--exclusive'] },
    idle: {},
  })
  expect([...byRuntime]).toEqual([
    ['dask', { partition: 'long', timeLimitMinutes: 60, flags: ['--gres=gpu:1', '--exclusive'] }],
    ['idle', {}],
  ])
  const settings = {
    ...{ partition: undefined, account: 'lab', qos: undefined, timeLimitMinutes: 5, flags: [], logMib: 1 },
    byRuntime,
  }
  expect(settingsFor(settings, 'dask')).toMatchObject({
    partition: 'long',
    account: 'lab',
    timeLimitMinutes: 60,
  })
  expect(settingsFor(settings, 'idle')).toMatchObject({ partition: undefined, timeLimitMinutes: 5 })
  expect(listPartitions(settings)).toEqual([undefined, 'long'])
})

test.each([
  ['dask', 'slurm_runtimes (FILE) must be a map.'],
  [{ dask: 'long' }, 'slurm_runtimes.dask (FILE) must be a map.'],
  [
    { dask: { queue: 'long' } },
    'slurm_runtimes.dask.queue (FILE) is not a setting of jobs; known are partition, account, qos, time_limit_minutes, flags.',
  ],
  [
    { dask: { time_limit_minutes: '1h' } },
    'slurm_runtimes.dask.time_limit_minutes (FILE) must be a whole number of minutes from 1 to 525600.',
  ],
  [{ dask: { flags: ['--array=1'] } }, `slurm_runtimes.dask.flags (FILE) must be ${FLAGS_ALLOWED}.`],
])('refuses what is no setting of jobs: %j', (content, sentence) => {
  expect(() => parse(content)).toThrow(new OperatorError(sentence))
})
