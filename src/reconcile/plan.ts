import type { ClusterChange } from '../database/clusters.ts'
import type { NewWorker, WorkerClosing, WorkerProgress } from '../database/workers.ts'
import { endStatusOf, type ClusterStatus } from '../domain/cluster.ts'
import type { WorkerEndReason, WorkerId } from '../domain/worker.ts'
import type { Handle, ObservedWorker } from '../launchers/launcher.ts'
import { toTimestamp, type Timestamp } from '../lib/clock.ts'
import { decide, type Decision } from './decision.ts'
import { describeCluster, UNSERVED } from './describe.ts'
import { NO_END, type SeenWorker } from './observe.ts'
import { admit, type Admission } from './queue.ts'
import type { RecordedCluster, Snapshot } from './snapshot.ts'

/** What is to be done so that what runs becomes what is recorded. Pure: from one snapshot, without any input. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Workers to be ended or cleared; those that a step closes only when that is recorded. */
  readonly terminations: ReadonlyMap<WorkerId, Handle>
  /** When something is due by the clock alone, in milliseconds since 1970. */
  readonly nextAtMs: number | undefined
}

/** What is to be recorded of one cluster, all of it in one transaction. */
export interface Step {
  readonly clusterId: number
  readonly creatorId: number
  /** As the snapshot has them: what was planned for another status or number is not done. */
  readonly status: ClusterStatus
  readonly workers: number
  /** To be recorded and then launched; each gets its id when it is recorded. */
  readonly launches: readonly Omit<NewWorker, 'id'>[]
  readonly progress: readonly WorkerProgress[]
  readonly closings: readonly WorkerClosing[]
  /** Those that have ended and whose output is to be kept before they are cleared. */
  readonly outputs: readonly WorkerId[]
  readonly change: ClusterChange | undefined
}

/** A cap on what one pass starts, so that recording it stays one short commit. */
const MAX_LAUNCHES = 256

export function plan(snapshot: Snapshot): Plan {
  const steps = planInSteps(snapshot)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** Clusters between two pauses: some milliseconds. */
const AT_ONCE = 500

/** The same with pauses, so that whoever drives it can let others have their turn. */
export function* planInSteps(snapshot: Snapshot): Generator<void, Plan> {
  const draft = new Draft(snapshot)
  // Most wait for nobody else's decision and are as they are recorded: nothing of them is kept.
  const competing: Decision[] = []
  for (const [index, cluster] of snapshot.clusters.entries()) {
    const decision = decide(cluster, snapshot)
    if (decision.candidate === undefined) draft.add(decision, undefined)
    else competing.push(decision)
    if (index % AT_ONCE === AT_ONCE - 1) yield
  }
  const { capacity } = snapshot
  const candidates = competing.flatMap(({ candidate }) => candidate ?? [])
  // Whoever starts before it is known how much room there is may take more than that.
  const admissions =
    capacity === 'unknown' ? new Map<number, Admission>() : admit(candidates, capacity, MAX_LAUNCHES)
  for (const [index, decision] of competing.entries()) {
    draft.add(decision, admissions.get(decision.cluster.id))
    if (index % AT_ONCE === AT_ONCE - 1) yield
  }
  return draft.finish()
}

/** A plan that grows by one cluster at a time. */
class Draft {
  readonly #snapshot: Snapshot
  readonly #steps: Step[] = []
  readonly #terminations = new Map<WorkerId, Handle>()
  /** Workers that the engine shows and something recorded claims. */
  #claimed = 0
  #nextAtMs: number | undefined

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
  }

  add(decision: Decision, admission: Admission | undefined): void {
    const step = toStep(decision, admission, this.#snapshot)
    if (step !== undefined) this.#steps.push(step)
    this.#addTerminations(decision)
    this.#addNext(decision)
  }

  finish(): Plan {
    const { look, clusters } = this.#snapshot
    const terminations = this.#terminations
    // Nearly always everybody is claimed, and looking each of very many up would be a good part of a pass.
    if (look.kind === 'seen' && look.workers.size > this.#claimed) {
      for (const { id, handle } of listUnclaimed(look.workers, clusters)) terminations.set(id, handle)
    }
    return { steps: this.#steps, terminations, nextAtMs: this.#nextAtMs }
  }

  /** Whoever is not wanted any more, and whoever is to be cleared. */
  #addTerminations({ observations, unwanted }: Decision): void {
    for (const { seen, observed, terminate } of observations) {
      if (observed !== undefined) this.#claimed += 1
      const handle = unwanted.has(seen.id) ? observed?.handle : terminate
      if (handle !== undefined) this.#terminations.set(seen.id, handle)
    }
  }

  #addNext({ cluster, seats, verdict }: Decision): void {
    this.#isDue(seats?.nextAtMs)
    const isOver = verdict !== undefined || cluster.status === 'stopping'
    if (cluster.expiresAt !== null && !isOver) this.#isDue(Date.parse(cluster.expiresAt))
  }

  #isDue(atMs: number | undefined): void {
    if (atMs !== undefined) this.#nextAtMs = Math.min(this.#nextAtMs ?? atMs, atMs)
  }
}

/** `undefined`: everything is as it is recorded. */
function toStep(decision: Decision, admission: Admission | undefined, snapshot: Snapshot): Step | undefined {
  const { cluster, observations, unwanted, verdict } = decision
  const ends = verdict !== undefined || cluster.status === 'stopping'
  const change = ends ? planEnd(decision, snapshot) : describeCluster({ decision, admission, snapshot })
  const launches = admission?.launches ?? []
  const isNews = observations.some(({ progress, closing, hasOutput }) => progress ?? closing ?? hasOutput)
  const isAsRecorded = isSame(change, cluster)
  if (isAsRecorded && launches.length === 0 && unwanted.size === 0 && !isNews) return undefined
  return {
    clusterId: cluster.id,
    creatorId: cluster.creatorId,
    status: cluster.status,
    workers: cluster.workers,
    launches: launches.map(({ size, hasRoom: _hasRoom, ...wanted }) => ({
      ...wanted,
      ...size,
      clusterId: cluster.id,
      creatorId: cluster.creatorId,
    })),
    // One row is written once.
    progress: observations.flatMap(({ seen, progress }) =>
      progress === undefined || unwanted.has(seen.id) ? [] : [progress],
    ),
    closings: observations.flatMap(({ seen, closing }) => {
      const reason = unwanted.get(seen.id)
      if (reason !== undefined) return [toStop(seen, reason)]
      return closing === undefined ? [] : [closing]
    }),
    outputs: observations.flatMap(({ seen, hasOutput }) => (hasOutput === true ? [seen.id] : [])),
    change: isAsRecorded ? undefined : change,
  }
}

/** What nothing recorded claims that has not ended. */
function listUnclaimed(
  workers: ReadonlyMap<WorkerId, ObservedWorker>,
  clusters: readonly RecordedCluster[],
): ObservedWorker[] {
  const seats = clusters.flatMap(cluster => cluster.seats)
  const claimed = new Set(seats.flatMap(({ id, status }) => (status === 'ended' ? [] : [id])))
  return [...workers.values()].filter(({ id }) => !claimed.has(id))
}

/** It is being ended, or has to be, or is gone altogether. */
function planEnd({ cluster, workers, verdict, readyWorkers }: Decision, { now }: Snapshot): ClusterChange {
  const reason = verdict?.reason ?? cluster.reason
  // It is served again.
  const told = cluster.message === UNSERVED ? null : cluster.message
  const isGone = workers.every(({ status }) => status === 'ended')
  return {
    id: cluster.id,
    from: cluster.status,
    status: isGone ? endStatusOf(reason) : 'stopping',
    reason,
    message: verdict?.message ?? told,
    readyWorkers: isGone ? 0 : readyWorkers,
    address: isGone ? null : cluster.address,
    startedAt: cluster.startedAt === null ? firstStart(workers) : null,
    readyAt: null,
    expiresAt: null,
    endedAt: isGone ? toTimestamp(now) : null,
  }
}

/** Of those that began and ended between two looks. */
function firstStart(workers: readonly SeenWorker[]): Timestamp | null {
  const starts = workers.flatMap(({ startedAt }) => (startedAt === null ? [] : [startedAt]))
  return starts.toSorted()[0] ?? null
}

function toStop({ id, startedAt }: SeenWorker, reason: WorkerEndReason): WorkerClosing {
  return { ...NO_END, id, status: 'stopping', reason, startedAt, endedAt: null }
}

function isSame(change: ClusterChange, cluster: RecordedCluster): boolean {
  return (
    change.status === cluster.status &&
    change.reason === cluster.reason &&
    change.message === cluster.message &&
    change.readyWorkers === cluster.readyWorkers &&
    change.address === cluster.address &&
    (change.startedAt === null || cluster.startedAt !== null)
  )
}
