import type { Job } from './jobs.ts'

/** Why a job waits, for people. Pure. */

/** Slurm's words, in ours; the word itself is said as well, for whoever wants to look it up. */
const REASONS: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^Resources$/, 'other jobs have the room it needs'],
  [/^Priority$/, 'other jobs are before it in the queue'],
  [/^ReqNodeNotAvail/, 'the nodes it needs are down, drained or reserved'],
  [/^(NodeDown|Nodes_required|BadConstraints)/, 'no node that is up can run it as it was asked for'],
  [/^Partition(Down|Inactive)$/, 'its partition is closed now'],
  [/^Partition(Config|NodeLimit|TimeLimit)$/, 'it asks for more than its partition allows'],
  [/^Reservation(Deleted)?$/, 'it waits for a reservation'],
  [/^(QOS|Assoc)(Max|Grp).*/, 'a limit of the account or of its quality of service is reached'],
  [/^(QOS|Assoc).*/, 'a rule of the account or of its quality of service keeps it waiting'],
  [
    /^(InvalidAccount|InvalidQOS|AccountNotAllowed|QOSNotAllowed)$/,
    'its account or quality of service is refused',
  ],
  [/^Licenses$/, 'it waits for a licence'],
  [/^(JobHeldAdmin|JobHeldUser|JobHoldMaxRequeue|launch_failed_requeued_held)$/, 'it is held'],
  [/^BeginTime$/, 'its time has not come yet'],
  [/^(Dependency|JobArrayTaskLimit)/, 'it waits for other jobs'],
  [/^Prolog$/, 'its node is being prepared'],
]

/** `position`: how many jobs of its partition come before it; `undefined`: nobody knows. */
export function describeWait(
  { reason, startAt }: Pick<Job, 'reason' | 'startAt'>,
  position?: number,
): string {
  if (reason === undefined) return 'Slurm has it in the queue.'
  const words = REASONS.find(([pattern]) => pattern.test(reason))?.[1]
  const why = words === undefined ? `Slurm: ${reason}.` : `Slurm: ${reason} (${words}).`
  const place =
    position === undefined ? '' : position === 0 ? ' It is the next one.' : ` ${count(position)} before it.`
  const start = startAt === undefined ? '' : ` Slurm expects to start it at ${formatTime(startAt)}.`
  return `${why}${place}${start}`
}

function count(jobs: number): string {
  return jobs === 1 ? 'One job waits' : `${jobs} jobs wait`
}

function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
