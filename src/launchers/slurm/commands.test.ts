import { expect, test } from 'vitest'
import { sbatch, shapeOf } from './commands.ts'
import type { SlurmSettings } from './settings.ts'
import { mayHaveBeenSubmitted, SlurmError } from './slurm.ts'

const SETTINGS: SlurmSettings = {
  ...{ partition: undefined, account: undefined, qos: undefined, timeLimitMinutes: undefined, flags: [] },
  ...{ byRuntime: new Map(), logMib: 64 },
}
const BATCH = { homeId: 'a1b2c3d4e5', batch: '77aa88bb99cc', count: 3, comment: 'cluster 7' }

const shape = (changes: Partial<Parameters<typeof shapeOf>[0]> = {}, settings: Partial<SlurmSettings> = {}) =>
  shapeOf(
    { size: { cpus: 2, memory: 4 }, runtime: 'idle', lifetimeSeconds: null, ...changes },
    { ...SETTINGS, ...settings },
  )

test('one array for all that ask for the same', () => {
  expect(sbatch(shape(), BATCH)).toEqual([
    ...['sbatch', '--parsable', '--job-name=clusters-a1b2c3d4e5-77aa88bb99cc', '--comment=cluster 7'],
    ...['--array=0-2', '--nodes=1', '--ntasks=1', '--cpus-per-task=2', '--mem=4096M', '--no-requeue'],
    ...['--export=ALL', '--chdir=/', '--input=/dev/null', '--output=/dev/null'],
  ])
})

test.each([
  [0.25, 1],
  [1, 1],
  [1.001, 2],
  [15.5, 16],
])('%f CPUs are %i of Slurm', (cpus, whole) => {
  expect(shape({ size: { cpus, memory: 1 } }).cpus).toBe(whole)
})

test.each([
  [1, 1024],
  [0.25, 256],
  [0.0001, 1],
  [1.2345, 1265],
])('%f GiB are %i MiB', (memory, mib) => {
  expect(shape({ size: { cpus: 1, memory } }).memoryMib).toBe(mib)
})

test('a lifetime is a time limit that comes a little later, and never later than the operator allows', () => {
  const limit = (lifetimeSeconds: number | null, timeLimitMinutes?: number) =>
    shape({ lifetimeSeconds }, { timeLimitMinutes }).timeLimitMinutes
  expect(limit(null)).toBeUndefined()
  expect(limit(1)).toBe(3)
  expect(limit(600)).toBe(12)
  expect(limit(601)).toBe(13)
  expect(limit(3600, 30)).toBe(30)
  expect(limit(null, 30)).toBe(30)
})

test('each runtime has its own settings where they differ', () => {
  const settings = {
    ...{ partition: 'main', account: 'lab', qos: 'normal', timeLimitMinutes: 60, flags: ['--constraint=a'] },
    byRuntime: new Map([['dask', { partition: 'long', flags: ['--gres=gpu:1', '--exclusive'] }]]),
  }
  const options = (runtime: string) => sbatch(shape({ runtime }, settings), BATCH).slice(-6)
  expect(options('idle')).toEqual([
    ...[
      '--output=/dev/null',
      '--time=60',
      '--partition=main',
      '--account=lab',
      '--qos=normal',
      '--constraint=a',
    ],
  ])
  expect(options('dask')).toEqual([
    ...['--time=60', '--partition=long', '--account=lab', '--qos=normal', '--gres=gpu:1', '--exclusive'],
  ])
})

test.each([
  [false, 'Batch job submission failed: Requested node configuration is not available'],
  [false, 'Batch job submission failed: Invalid partition name specified'],
  [
    false,
    'Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user’s size limits)',
  ],
  [false, 'Memory specification can not be satisfied; Batch job submission failed: Requested node'],
  [false, 'Invalid generic resource (gres) specification'],
  [false, "unrecognized option '--nosuch'"],
  [true, 'Batch job submission failed: Unable to contact slurm controller (connect failure)'],
  [true, 'Batch job submission failed: Socket timed out on send/recv operation'],
  [true, 'Batch job submission failed: Zero Bytes were transmitted or received'],
  [true, 'Batch job submission failed: Slurm temporarily unable to accept job, sleeping and retrying'],
  [true, 'Batch job submission failed: Resource temporarily unavailable'],
  [true, 'Batch job submission failed: Invalid authentication credential'],
  [true, 'Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory'],
  [true, 'Unable to process configuration file'],
])('%s: may have been submitted after all: %s', (expected, message) => {
  expect(mayHaveBeenSubmitted(new SlurmError(message, { isMissing: false, hasAnswered: true }))).toBe(
    expected,
  )
})

test('what did not end by itself may have been submitted, whatever it said', () => {
  expect(
    mayHaveBeenSubmitted(new SlurmError('Invalid partition', { isMissing: false, hasAnswered: false })),
  ).toBe(true)
})
