import type { WorkerSpec } from '../launcher.ts'
import { jobNameOf, SACCT_FORMAT, SQUEUE_FORMAT } from './jobs.ts'
import { SINFO_FORMAT } from './nodes.ts'
import { settingsFor, type JobSettings, type SlurmSettings } from './settings.ts'

/** What Slurm's programs are called with. Pure. No value of a user's is ever in it. */
export type Argv = readonly [program: string, ...args: string[]]

/** What all workers of one array have in common. */
export interface JobShape {
  readonly cpus: number
  readonly memoryMib: number
  readonly timeLimitMinutes: number | undefined
  readonly settings: JobSettings
}

/** Slurm looks at the time only now and then; a cluster whose lifetime is over is ended by us before it does. */
const TIME_RESERVE_MINUTES = 2

export function shapeOf(
  { size, runtime, lifetimeSeconds }: Pick<WorkerSpec, 'size' | 'runtime' | 'lifetimeSeconds'>,
  settings: SlurmSettings,
): JobShape {
  const forRuntime = settingsFor(settings, runtime)
  const own = lifetimeSeconds === null ? Infinity : Math.ceil(lifetimeSeconds / 60) + TIME_RESERVE_MINUTES
  const limit = Math.min(own, forRuntime.timeLimitMinutes ?? Infinity)
  return {
    cpus: wholeCpus(size.cpus),
    memoryMib: Math.ceil(size.memory * 1024),
    timeLimitMinutes: Number.isFinite(limit) ? limit : undefined,
    settings: forRuntime,
  }
}

/** Slurm gives whole CPUs. */
function wholeCpus(cpus: number): number {
  return Math.max(1, Math.ceil(cpus))
}

/** `count` workers, as one array; the script comes on standard input. It prints the id of the job. */
export function sbatch(
  { cpus, memoryMib, timeLimitMinutes, settings }: JobShape,
  { homeId, batch, count, comment }: { homeId: string; batch: string; count: number; comment: string },
): Argv {
  const { partition, account, qos, flags } = settings
  return [
    'sbatch',
    '--parsable',
    `--job-name=${jobNameOf(homeId, batch)}`,
    `--comment=${comment}`,
    `--array=0-${count - 1}`,
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cpus}`,
    `--mem=${memoryMib}M`,
    // Each worker is launched at most once; whether another one takes its place is for us to say.
    '--no-requeue',
    // Of the little that we begin sbatch with. NONE would run the profile of the service's user on the node, a second
    // or two for each worker, and take from it what it likes.
    '--export=ALL',
    '--chdir=/',
    '--input=/dev/null',
    // The job writes into the worker's folder, whose name Slurm does not know.
    '--output=/dev/null',
    ...(timeLimitMinutes === undefined ? [] : [`--time=${timeLimitMinutes}`]),
    ...(partition === undefined ? [] : [`--partition=${partition}`]),
    ...(account === undefined ? [] : [`--account=${account}`]),
    ...(qos === undefined ? [] : [`--qos=${qos}`]),
    ...flags,
  ]
}

/** All jobs of a user, a line for each task of an array, also those that have ended while Slurm remembers them. */
export function squeue(user: string): Argv {
  return ['squeue', '--noheader', '--array', '--states=all', `--user=${user}`, `--format=${SQUEUE_FORMAT}`]
}

/** In how many lines others wait before ours: all jobs that wait, the next one first. */
export function squeueWaiting(): Argv {
  return ['squeue', '--noheader', '--states=PENDING', '--sort=P,-p,i', '--format=%i|%P']
}

export function scancel(jobIds: readonly string[]): Argv {
  return ['scancel', ...jobIds]
}

export function sinfo(): Argv {
  return ['sinfo', '--noheader', '--Node', `--format=${SINFO_FORMAT}`]
}

export function showConfig(): Argv {
  return ['scontrol', 'show', 'config']
}

/** What the accounting knows of jobs that the controller has forgotten. */
export function sacct(homeId: string, batches: readonly string[]): Argv {
  return [
    ...(['sacct', '--noheader', '--parsable2', '--allocations'] as const),
    `--name=${batches.map(batch => jobNameOf(homeId, batch)).join(',')}`,
    '--starttime=now-30days',
    `--format=${SACCT_FORMAT}`,
  ]
}
