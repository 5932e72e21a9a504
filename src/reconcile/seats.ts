import type { Runtime } from '../domain/runtime.ts'
import { endedByItself, type WorkerEndReason, type WorkerId, type WorkerRole } from '../domain/worker.ts'
import type { Size } from '../launchers/launcher.ts'
import { SECOND_MS } from '../lib/clock.ts'
import type { SeenWorker } from './observe.ts'
import type { RecordedCluster } from './snapshot.ts'
import { ranWell } from './verdict.ts'

/** Which seats of a live cluster are to be taken, and which to be left. Pure. */

/** A worker that is wanted on a seat. */
export interface Wanted {
  readonly role: WorkerRole
  readonly seat: number
  readonly attempt: number
  readonly schedulerId: WorkerId | null
  readonly size: Size
  readonly isReplacement: boolean
  /** It takes the place of one that failed, and so that one's room. */
  readonly hasRoom: boolean
}

export interface Seats {
  /** To be launched now. */
  readonly wanted: readonly Wanted[]
  /** When the next one may be launched that must wait after a failure, in milliseconds since 1970. */
  readonly nextAtMs: number | undefined
  /** To be ended, and why. */
  readonly unwanted: ReadonlyMap<WorkerId, WorkerEndReason>
}

const FIRST_BACKOFF_MS = SECOND_MS
const LONGEST_BACKOFF_MS = 60 * SECOND_MS

/** How long a seat stays empty after so many failures in a row. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1))
}

export function planSeats(
  cluster: RecordedCluster,
  seats: readonly SeenWorker[],
  runtime: Runtime,
  now: Date,
): Seats {
  const scheduler = seats.find(({ role }) => role === 'scheduler')
  const workers = seats.filter(({ role }) => role === 'worker')
  const plan = new SeatPlan(now)
  if (runtime.scheduler !== undefined) {
    plan.take({ role: 'scheduler', seat: 0, schedulerId: null, size: runtime.scheduler }, scheduler)
  }
  // They are told its address when they are launched.
  const current = scheduler?.status === 'started' && scheduler.address !== null ? scheduler.id : undefined
  const isRunnable = runtime.scheduler === undefined || current !== undefined
  const bySeat = new Map(workers.map(worker => [worker.seat, worker]))
  const count = isRunnable ? cluster.workers : 0
  for (let seat = 0; seat < count; seat++) {
    const wish = { role: 'worker' as const, seat, schedulerId: current ?? null, size: cluster }
    plan.take(wish, bySeat.get(seat), runtime.restart)
  }
  const unwanted = new Map<WorkerId, WorkerEndReason>()
  for (const { id, seat, status, schedulerId } of workers) {
    if (status === 'ended' || status === 'stopping') continue
    if (seat >= cluster.workers) unwanted.set(id, 'scaled_down')
    else if (runtime.scheduler !== undefined && schedulerId !== liveId(scheduler)) {
      unwanted.set(id, 'scheduler_replaced')
    }
  }
  return { wanted: plan.wanted, nextAtMs: plan.nextAtMs, unwanted }
}

/** Whoever has room of the cluster's: those that are not gone, and those that another one takes the place of. */
export function listHolders(
  cluster: RecordedCluster,
  seats: readonly SeenWorker[],
  runtime: Runtime,
): readonly SeenWorker[] {
  return seats.filter(worker => {
    const { status, role, seat } = worker
    if (status !== 'ended' || role === 'scheduler') return true
    return seat < cluster.workers && keepsRoom(worker) && !hasRun(worker, runtime.restart)
  })
}

function liveId(scheduler: SeenWorker | undefined): WorkerId | undefined {
  return scheduler === undefined || scheduler.status === 'ended' || scheduler.status === 'stopping'
    ? undefined
    : scheduler.id
}

class SeatPlan {
  readonly wanted: Wanted[] = []
  nextAtMs: number | undefined
  readonly #now: Date

  constructor(now: Date) {
    this.#now = now
  }

  take(
    wish: Pick<Wanted, 'role' | 'seat' | 'schedulerId' | 'size'>,
    sitting: SeenWorker | undefined,
    restart: Runtime['restart'] = 'always',
  ): void {
    const { cpus, memory } = wish.size
    const { role, seat, schedulerId } = wish
    const size = { cpus, memory }
    if (sitting === undefined) {
      this.wanted.push({ role, seat, schedulerId, size, attempt: 1, isReplacement: false, hasRoom: false })
      return
    }
    if (sitting.status !== 'ended') return
    const failures = countFailures(sitting, this.#now)
    if (hasRun(sitting, restart)) return
    const at = Date.parse(sitting.endedAt ?? '') + (failures === 0 ? 0 : backoffMs(failures))
    if (at > this.#now.getTime()) {
      this.nextAtMs = Math.min(this.nextAtMs ?? at, at)
      return
    }
    this.wanted.push({
      role,
      seat,
      schedulerId,
      size,
      attempt: failures + 1,
      isReplacement: true,
      hasRoom: keepsRoom(sitting),
    })
  }
}

/** What may run once only has run, unless it never began. */
function hasRun({ reason }: SeenWorker, restart: Runtime['restart']): boolean {
  return restart === 'never' && reason !== null && endedByItself(reason)
}

/** Whether its room is kept for the one in its place, should there be one. */
function keepsRoom({ reason }: SeenWorker): boolean {
  return reason !== 'scaled_down'
}

/** In a row, on this seat, until now. */
function countFailures(worker: SeenWorker, now: Date): number {
  const { reason, attempt } = worker
  if (reason === 'scaled_down' || reason === 'scheduler_replaced' || reason === 'cluster_stopped') return 0
  return ranWell(worker, now) ? 1 : attempt
}
