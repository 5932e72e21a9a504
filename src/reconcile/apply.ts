import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import {
  deleteClusters,
  lockLiveClusters,
  updateClusters,
  type ClusterChange,
  type LockedCluster,
} from '../database/clusters.ts'
import { deleteCredentials } from '../database/credentials.ts'
import { takeNumbers } from '../database/counters.ts'
import type { Database } from '../database/database.ts'
import { insertEvents } from '../database/events.ts'
import { holdsLease } from '../database/lease.ts'
import { insertOutput } from '../database/output.ts'
import type { Tables } from '../database/tables.ts'
import { lockUseOfAll, updateUse } from '../database/users.ts'
import { insertWorkers, updateWorkers, type NewWorker, type WorkerClosing } from '../database/workers.ts'
import { isLive, mayFollow } from '../domain/cluster.ts'
import { Unavailable } from '../domain/errors.ts'
import { subtractUse, useOf, type Use } from '../domain/quota.ts'
import type { WorkerId } from '../domain/worker.ts'
import { toTimestamp, type Timestamp } from '../lib/clock.ts'
import { randomId } from '../lib/id.ts'
import { NO_END } from './observe.ts'
import type { KeptOutput } from './outputs.ts'
import { toPlainText } from './plain-text.ts'
import type { Step } from './plan.ts'

/** The lease is somebody else's now: nothing more may be recorded or launched. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

/** A worker that is recorded, and its cluster as it was then. */
export interface RecordedLaunch {
  readonly worker: NewWorker
  readonly cluster: LockedCluster
}

/** What came of it. */
export interface Recorded {
  readonly launches: readonly RecordedLaunch[]
  /** Nothing of them is recorded, for their clusters have changed meanwhile, or could not be recorded. */
  readonly skipped: readonly Step[]
  /** Something was recorded, so that it is worth to look again. */
  readonly isChange: boolean
  /** Why it broke off: the database cannot be had now. What is recorded already is so all the same. */
  readonly failure: Unavailable | undefined
}

interface Around {
  readonly outputs: ReadonlyMap<string, KeptOutput>
  readonly lease: { readonly home: string; readonly holder: string }
  readonly clock: () => Date
  readonly onError: (message: string, error: unknown) => void
}

/** A step without the ends of some workers, who are left as they are until the next pass. */
export function leaveOut(step: Step, workers: ReadonlySet<WorkerId>): Step {
  return {
    ...step,
    outputs: step.outputs.filter(id => !workers.has(id)),
    closings: step.closings.filter(({ id }) => !workers.has(id)),
  }
}

/** Rows of one transaction; requests of others come between two. */
const ROWS_PER_TRANSACTION = 300

/**
 * Records what was planned, each cluster's part in one transaction with its events, many clusters to a transaction.
 * Gives the launches that are recorded now: only they may be launched. What has changed since the snapshot is left
 * for the next pass.
 */
export async function record(database: Database, steps: readonly Step[], around: Around): Promise<Recorded> {
  const launches: RecordedLaunch[] = []
  const recorded = new Set<Step>()
  let failed = 0
  let failure: Unavailable | undefined
  const waiting = chunk(steps)
  for (let some = waiting.shift(); some !== undefined; some = waiting.shift()) {
    try {
      const together = await recordTogether(database, some, around)
      launches.push(...together.launches)
      for (const step of together.steps) recorded.add(step)
    } catch (error) {
      if (error instanceof LeaseLost) throw error
      if (error instanceof Unavailable) {
        failure = error
        break
      }
      // One cluster that cannot be recorded must not hold up the others, in this pass and in each to come.
      if (some.length > 1) waiting.unshift(...some.map(step => [step]))
      else {
        failed += 1
        around.onError(`cluster ${some[0]?.clusterId} could not be recorded; it is tried again`, error)
      }
    }
    await nextTurn()
  }
  const skipped = steps.filter(step => !recorded.has(step))
  const isChange = failure === undefined ? failed < steps.length : recorded.size > 0
  return { launches, skipped, isChange, failure }
}

interface Together {
  readonly launches: readonly RecordedLaunch[]
  /** Those that were not skipped. */
  readonly steps: readonly Step[]
}

function recordTogether(database: Database, steps: readonly Step[], around: Around): Promise<Together> {
  return database.transaction(async trx => {
    if (!(await holdsLease(trx, database.dialect, around.lease))) {
      throw new LeaseLost('another server has the lease')
    }
    return await recordSome(trx, database, steps, around.outputs, toTimestamp(around.clock()))
  })
}

function chunk(steps: readonly Step[]): Step[][] {
  const chunks: Step[][] = []
  let rows = Infinity
  for (const step of steps) {
    const { launches, progress, closings, outputs } = step
    const own = 1 + launches.length + progress.length + closings.length + outputs.length
    if (rows + own > ROWS_PER_TRANSACTION) {
      chunks.push([])
      rows = 0
    }
    chunks.at(-1)?.push(step)
    rows += own
  }
  return chunks
}

async function recordSome(
  trx: Transaction<Tables>,
  { dialect }: Database,
  steps: readonly Step[],
  outputs: ReadonlyMap<string, KeptOutput>,
  now: Timestamp,
): Promise<Together> {
  // Users before clusters before counters: every transaction locks in this order.
  const ending = steps.filter(({ change }) => change !== undefined && !isLive(change.status))
  const uses = await lockUseOfAll(
    trx,
    dialect,
    ending.map(({ creatorId }) => creatorId),
  )
  const clusters = await lockLiveClusters(
    trx,
    dialect,
    steps.map(({ clusterId }) => clusterId),
  )
  // One that its creator has stopped meanwhile is decided on anew.
  const current = steps.filter(({ clusterId, status }) => clusters.get(clusterId)?.status === status)

  const launches = current.flatMap((step): RecordedLaunch[] => {
    const cluster = clusters.get(step.clusterId)
    if (cluster === undefined || cluster.workers !== step.workers) return []
    return step.launches.map(launch => ({ worker: { ...launch, id: randomId() }, cluster }))
  })
  // Before the launches: some take a seat whose worker is recorded as gone only now.
  await updateWorkers(
    trx,
    dialect,
    current.flatMap(({ progress }) => progress),
    current.flatMap(({ closings }) => closings.map(closing => addLastLine(closing, outputs.get(closing.id)))),
  )
  await insertWorkers(
    trx,
    dialect,
    launches.map(({ worker }) => worker),
    now,
  )
  for (const { clusterId, outputs: workers } of current) {
    for (const workerId of workers) {
      const kept = outputs.get(workerId)
      if (kept !== undefined) await insertOutput(trx, dialect, { workerId, clusterId, output: kept.output })
    }
  }
  const changes = current.flatMap(({ change }) => (change === undefined ? [] : [change]))
  await changeClusters(trx, dialect, { changes, clusters, uses, now })
  return { launches, steps: current }
}

interface Changing {
  readonly changes: readonly ClusterChange[]
  readonly clusters: ReadonlyMap<number, LockedCluster>
  readonly uses: ReadonlyMap<number, Use>
  readonly now: Timestamp
}

async function changeClusters(
  trx: Transaction<Tables>,
  dialect: Database['dialect'],
  { changes, clusters, uses, now }: Changing,
): Promise<void> {
  const allowed = changes.filter(({ from, status }) => from === status || mayFollow(from, status))
  const changed = await updateClusters(trx, dialect, allowed)
  const told = allowed.flatMap(change => {
    const cluster = clusters.get(change.id)
    if (cluster === undefined || !changed.has(change.id)) return []
    const isNews = change.status !== cluster.status || change.reason !== cluster.reason
    return isNews ? [{ change, cluster }] : []
  })
  if (told.length === 0) return
  const ended = told.filter(({ change }) => !isLive(change.status))
  const left = new Map(uses)
  for (const { cluster } of ended) {
    const used = left.get(cluster.creatorId)
    if (used !== undefined) left.set(cluster.creatorId, subtractUse(used, useOf(cluster)))
  }
  if (ended.length > 0) await updateUse(trx, dialect, left)
  const numbers = await takeNumbers(trx, dialect, { events: told.length })
  await insertEvents.run(
    trx,
    dialect,
    told.map(({ change, cluster }, index) => ({
      id: numbers.events + index,
      cluster_id: change.id,
      creator_id: cluster.creatorId,
      at: now,
      status: change.status,
      reason: change.reason,
      message: change.message,
    })),
  )
  await deleteCredentials(
    trx,
    dialect,
    ended.map(({ change }) => change.id),
  )
  // Their creators have asked for it, and what they cost is over now.
  const forgotten = ended.filter(({ cluster }) => cluster.deletesOnEnd === 1)
  await deleteClusters(
    trx,
    dialect,
    forgotten.map(({ change }) => change.id),
  )
}

/** Enough to know a line by; the rest may have been cut. */
const SAID_LENGTH = 40

/** The last words of a program say more than its exit code. */
function addLastLine(closing: WorkerClosing, kept: KeptOutput | undefined): WorkerClosing {
  const { reason, message } = closing
  const tells = reason !== null && reason !== 'completed' && message !== null
  if (!tells || kept?.lastLine === undefined) return closing
  // What an engine has said already, in words that it printed itself, is not said twice.
  const isSaid = message.includes(kept.lastLine.replace(/^clusters: /, '').slice(0, SAID_LENGTH))
  if (isSaid) return closing
  return { ...closing, message: `${message.replace(/\.$/, '')}. Its last output: ${kept.lastLine}` }
}

/** Launches that the engine refused for good. */
export async function recordRefusals(
  database: Database,
  refusals: readonly { readonly worker: NewWorker; readonly message: string }[],
  now: Timestamp,
): Promise<void> {
  if (refusals.length === 0) return
  const closings = refusals.map(({ worker, message }): WorkerClosing => ({
    ...NO_END,
    id: worker.id,
    status: 'ended',
    reason: 'launch_refused',
    message: `could not be launched: ${toPlainText(message)}`,
    endedAt: now,
  }))
  await database.transaction(trx => updateWorkers(trx, database.dialect, [], closings))
}
