import type { ObservedUse, WorkerEnd } from '../launcher.ts'
import { describeExit, type ShellExit } from '../exit.ts'
import type { Job } from './jobs.ts'

/** How a worker ended: what its job wrote, and what Slurm says of the job. Pure. */

/** What job.sh writes at the end. */
export interface EndRecord extends ShellExit {
  readonly peakMemoryBytes: number | null
  readonly cpuSeconds: number | null
}

/** `undefined`: it is not whole, or not ours. */
export function parseEndRecord(text: string): EndRecord | undefined {
  const [first = '', , ofChildren = ''] = text.split('\n')
  const [, code, signal, peak = ''] = /^(\d{1,3}) ([01]) (\d*)$/.exec(first) ?? []
  if (code === undefined || !text.endsWith('\n')) return undefined
  return {
    exitCode: Number(code),
    isSignal: signal === '1',
    peakMemoryBytes: peak === '' ? null : Number(peak),
    cpuSeconds: parseTimes(ofChildren),
  }
}

/** As shells print it, user and system: `1m2.50s 0m0.25s`. */
function parseTimes(line: string): number | null {
  const times = [...line.matchAll(/(\d+)m(\d+(?:[.,]\d+)?)s/g)]
  if (times.length !== 2) return null
  return times.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds?.replace(',', '.')),
    0,
  )
}

export function useOf(record: EndRecord | undefined): ObservedUse {
  return {
    cpuSeconds: record?.cpuSeconds ?? null,
    memoryBytes: null,
    peakMemoryBytes: record?.peakMemoryBytes ?? null,
  }
}

/** What Slurm says of a job that has ended; from the accounting, when its controller has forgotten it. */
export type EndedJob = Pick<Job, 'state' | 'node' | 'startAt' | 'endAt' | 'timeLimit'>

export interface Ended {
  /** `undefined`: Slurm has forgotten it. */
  readonly job: EndedJob | undefined
  readonly record: EndRecord | undefined
  /** Why its program could not be run, as its output says it. */
  readonly notRun: string | undefined
  /** When its job took the order, by the file server's clock; `undefined`: it never did. */
  readonly begunAt: Date | undefined
  /** When its job wrote how it ended, by the same; Slurm may have heard of it much later. */
  readonly endedAt: Date | undefined
  /** We have cancelled it. */
  readonly isCancelled: boolean
  /** What it asked for. */
  readonly memoryGib: number | undefined
  /** The folder that its node has to see. */
  readonly folder: string
  readonly now: Date
}

export function describeEnding(ended: Ended): WorkerEnd {
  const { job, record, begunAt, now } = ended
  const startedAt = begunAt === undefined ? null : (job?.startAt ?? begunAt)
  return {
    startedAt,
    endedAt: latest(startedAt, earliest(ended.endedAt, job?.endAt) ?? now),
    ...(record === undefined ? { exitCode: null, signal: null } : describeExit(record)),
    ...explain(ended),
  }
}

function earliest(one: Date | undefined, other: Date | undefined): Date | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one < other ? one : other
}

/** Clocks differ, and nobody ends before he has started. */
function latest(start: Date | null, end: Date): Date {
  return start !== null && start > end ? start : end
}

function explain(ended: Ended): Pick<WorkerEnd, 'reason' | 'message'> {
  const { job, record, notRun } = ended
  if (job !== undefined) {
    const known = explainState(job, ended)
    if (known !== undefined) return known
  }
  if (notRun !== undefined) return { reason: 'program_not_found', message: notRun }
  if (record !== undefined) return { reason: undefined, message: null }
  return explainSilence(ended)
}

/** What only Slurm can know; `undefined`: its program ended by itself. */
function explainState(job: EndedJob, ended: Ended): Pick<WorkerEnd, 'reason' | 'message'> | undefined {
  const { state } = job
  const on = job.node === undefined ? '' : ` ${job.node}`
  switch (state) {
    case 'OUT_OF_MEMORY': {
      const limit = ended.memoryGib === undefined ? '' : ` of ${ended.memoryGib} GiB`
      const peak = ended.record?.peakMemoryBytes ?? null
      const most = peak === null ? '' : ` (peak ${Number((peak / 1024 ** 3).toPrecision(3))} GiB)`
      return {
        reason: 'out_of_memory',
        message: `was over its memory${limit}${most}: ask for more (Slurm: ${state})`,
      }
    }
    case 'TIMEOUT':
    case 'DEADLINE':
      return {
        reason: 'time_limit',
        message: `reached its time limit of ${job.timeLimit} in Slurm (${state})`,
      }
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return { reason: 'node_failed', message: `was lost with its node${on} (Slurm: ${state})` }
    case 'PREEMPTED':
      return { reason: 'preempted', message: `had to make room for another job (Slurm: ${state})` }
    case 'CANCELLED':
      if (ended.isCancelled) return { reason: undefined, message: null }
      return {
        reason: 'worker_lost',
        message: `was cancelled in Slurm, not by this server: an administrator may have done so (${state})`,
      }
    default:
      return undefined
  }
}

/** Its job wrote nothing. */
function explainSilence({ job, begunAt, folder }: Ended): Pick<WorkerEnd, 'reason' | 'message'> {
  if (job === undefined) {
    return { reason: 'worker_lost', message: 'has ended, and Slurm does not know any more how' }
  }
  const where = job.node === undefined ? 'its node' : `the node ${job.node}`
  if (begunAt === undefined) {
    return {
      reason: 'worker_lost',
      message: `could not begin on ${where} (Slurm: ${job.state}): can ${folder} be read and written there?`,
    }
  }
  return {
    reason: 'worker_lost',
    message: `was ended from outside on ${where} (Slurm: ${job.state}), and could not say how`,
  }
}
