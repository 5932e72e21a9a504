/** What squeue says of our jobs. Pure. */

/** The job that runs one worker. */
export interface Job {
  /** As scancel takes it, such as `1234_5`. */
  readonly jobId: string
  /** The name of what was submitted at once, and the worker's number in it. */
  readonly batch: string
  readonly task: number
  /** Slurm's own word, such as RUNNING. */
  readonly state: string
  /** Why it waits, in Slurm's own word; `undefined` when it says none. */
  readonly reason: string | undefined
  /** When it began; of one that waits, when Slurm expects it to. */
  readonly startAt: Date | undefined
  /** When it ended; of one that runs, when it reaches its time limit. */
  readonly endAt: Date | undefined
  readonly timeLimit: string
  readonly node: string | undefined
  readonly partition: string
}

/** Job names may hold anything, so they come last. */
const COLUMNS = ['%i', '%K', '%T', '%r', '%S', '%e', '%l', '%B', '%P', '%j'] as const
export const SQUEUE_FORMAT = COLUMNS.join('|')

const PREFIX = 'clusters'

/** Jobs carry the installation's id, so that two of them on one Slurm never touch each other's. */
export function jobNameOf(homeId: string, batch: string): string {
  return `${PREFIX}-${homeId}-${batch}`
}

/** Those of this installation; the user may have others. */
export function parseJobs(output: string, homeId: string): Job[] {
  const prefix = jobNameOf(homeId, '')
  return output.split('\n').flatMap(line => parseJob(line, prefix) ?? [])
}

function parseJob(line: string, prefix: string): Job | undefined {
  const fields = line.split('|')
  const [
    jobId = '',
    task = '',
    state = '',
    reason = '',
    startAt = '',
    endAt = '',
    timeLimit = '',
    node = '',
  ] = fields
  const [partition = '', ...name] = fields.slice(8)
  const jobName = name.join('|')
  const isOurs = jobName.startsWith(prefix) && /^[a-z0-9]+$/.test(jobName.slice(prefix.length))
  if (!isOurs || !/^\d+_\d+$/.test(jobId) || !/^\d+$/.test(task)) return undefined
  return {
    jobId,
    batch: jobName.slice(prefix.length),
    task: Number(task),
    state,
    reason: isNothing(reason) || reason === 'None' ? undefined : reason,
    startAt: parseTime(startAt),
    endAt: parseTime(endAt),
    timeLimit,
    node: isNothing(node) ? undefined : node,
    partition,
  }
}

function isNothing(field: string): boolean {
  return field === '' || field === 'n/a' || field === 'N/A' || field === '(null)'
}

/** As Slurm writes it, asked with TZ=UTC. */
function parseTime(text: string): Date | undefined {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text) ? new Date(Date.parse(`${text}Z`)) : undefined
}

/** How far a job is: what is not known is taken for running, so that nobody believes that it costs nothing. */
export type JobStage = 'waits' | 'is placed' | 'runs' | 'has ended'

const STAGES: Readonly<Record<string, JobStage>> = {
  PENDING: 'waits',
  REQUEUED: 'waits',
  REQUEUE_FED: 'waits',
  REQUEUE_HOLD: 'waits',
  RESV_DEL_HOLD: 'waits',
  SPECIAL_EXIT: 'waits',
  CONFIGURING: 'is placed',
  COMPLETED: 'has ended',
  FAILED: 'has ended',
  CANCELLED: 'has ended',
  TIMEOUT: 'has ended',
  DEADLINE: 'has ended',
  NODE_FAIL: 'has ended',
  BOOT_FAIL: 'has ended',
  LAUNCH_FAILED: 'has ended',
  RECONFIG_FAIL: 'has ended',
  PREEMPTED: 'has ended',
  OUT_OF_MEMORY: 'has ended',
  REVOKED: 'has ended',
}

export function stageOf({ state }: Pick<Job, 'state'>): JobStage {
  return STAGES[state] ?? 'runs'
}

/** What the accounting remembers of a job. */
export interface AccountedJob {
  readonly batch: string
  readonly task: number
  readonly state: string
  readonly node: string | undefined
  readonly startAt: Date | undefined
  readonly endAt: Date | undefined
  readonly timeLimit: string
}

export const SACCT_FORMAT = 'JobID,State,NodeList,Start,End,Timelimit,JobName'

export function parseAccounted(output: string, homeId: string): AccountedJob[] {
  const prefix = jobNameOf(homeId, '')
  return output.split('\n').flatMap(line => {
    const [jobId = '', state = '', node = '', startAt = '', endAt = '', timeLimit = '', ...name] =
      line.split('|')
    const jobName = name.join('|')
    const task = /^\d+_(\d+)$/.exec(jobId)?.[1]
    if (task === undefined || !jobName.startsWith(prefix)) return []
    return [
      {
        batch: jobName.slice(prefix.length),
        task: Number(task),
        // Such as "CANCELLED by 0".
        state: state.split(' ')[0] ?? '',
        node: isNothing(node) || node === 'None assigned' ? undefined : node,
        startAt: parseTime(startAt),
        endAt: parseTime(endAt),
        timeLimit,
      },
    ]
  })
}
