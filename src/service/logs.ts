import type { Database } from '../database/database.ts'
import { findLogSource, type LogSource, type Seat } from '../database/log-source.ts'
import { findOutput } from '../database/output.ts'
import { isLive } from '../domain/cluster.ts'
import { InvalidRequest, NotFound, Unavailable } from '../domain/errors.ts'
import type { User } from '../domain/user.ts'
import type { WorkerId } from '../domain/worker.ts'
import type { Launcher, LogOptions } from '../launchers/launcher.ts'
import { Bell } from '../lib/bell.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { tailOf } from '../lib/tail.ts'
import { NO_SUCH_CLUSTER } from './clusters.ts'
import type { Offer } from './offer.ts'

/** Word of a change may be lost, so who follows looks by himself, too. */
const LOOK_INTERVAL_MS = 2 * SECOND_MS
/** However much changes, he looks no more often. */
const LEAST_INTERVAL_MS = 200
/** When its row says that a worker is gone, the engine has so long to hand over the rest of its output. */
const REST_MS = 2 * SECOND_MS

export type Output = AsyncGenerator<Uint8Array, void, undefined>

/** Where to look, for whom. */
type Place = Seat & { readonly clusterId: number; readonly userId: number }

/** What workers print: bytes of programs that nobody vouches for. */
export class Logs {
  readonly #database: Database
  readonly #launcher: Launcher | undefined
  readonly #offer: Offer

  constructor(database: Database, options: { launcher: Launcher | undefined; offer: Offer }) {
    this.#database = database
    this.#launcher = options.launcher
    this.#offer = options.offer
  }

  /**
   * The output of the latest worker on a seat: the engine's while it has it, afterwards what was kept. With `follow` it
   * goes on with whoever sits there next, until the cluster has ended or `signal` aborts. Rejects with `NotFound`, with
   * `InvalidRequest` for a seat that the cluster does not have, and with `Unavailable` for an engine that this server
   * does not use.
   */
  async open(user: User, clusterId: number, seat: Seat, options: LogOptions): Promise<Output> {
    const place = { ...seat, clusterId, userId: user.id }
    const source = await findLogSource(this.#database, place)
    if (source === undefined) throw new NotFound(NO_SUCH_CLUSTER)
    this.#checkSeat(source, seat)
    const isOurs = this.#launcher?.home === source.home
    const follow = options.follow === true && isOurs
    const isAtEngine = source.workerId !== null && source.workerStatus !== 'ended'
    if (!isOurs && isAtEngine) {
      throw new Unavailable(
        `The output of cluster ${clusterId} is kept by the engine ${source.engine} (${source.home}), which this server does not use.`,
      )
    }
    return this.#read(place, { ...options, follow })
  }

  #checkSeat({ workers, workerId, runtime }: LogSource, { role, index }: Seat): void {
    // One that had a worker before the cluster shrank can still be read.
    if (workerId !== null) return
    const hasScheduler = this.#offer.findRuntime(runtime)?.scheduler !== undefined
    if (role === 'scheduler' ? hasScheduler : index < workers) return
    const indexes = workers === 1 ? 'must be 0' : `must be 0 to ${workers - 1}`
    throw new InvalidRequest({ worker: [`${indexes}${hasScheduler ? ', or scheduler' : ''}`] })
  }

  async *#read(place: Place, options: LogOptions): Output {
    const { follow = false, signal } = options
    const bell = new Bell()
    const unsubscribe = follow ? this.#database.onChange(bell.ring) : undefined
    let { tailLines } = options
    let shown: WorkerId | undefined
    try {
      for (;;) {
        const source = await findLogSource(this.#database, place)
        const workerId = source?.workerId ?? undefined
        if (workerId !== undefined && workerId !== shown) {
          const isEnded = source?.workerStatus === 'ended'
          const own = { follow, signal, ...(tailLines === undefined ? {} : { tailLines }) }
          let isShown = isEnded
          const output = isEnded
            ? this.#readKept(workerId, tailLines)
            : this.#readEngine(place, workerId, own)
          for await (const bytes of output) {
            isShown = true
            yield bytes
          }
          if (isShown) {
            shown = workerId
            // Whoever comes next is shown from the beginning.
            tailLines = undefined
          } else if (follow && !signal.aborted) {
            // The engine has not begun it yet, or has just cleared it: what it printed is still to come.
            await this.#waitForChange(bell, signal)
          }
        } else if (!follow || signal.aborted || source === undefined || !isLive(source.status)) return
        else await this.#waitForChange(bell, signal)
        if (!follow || signal.aborted) return
      }
    } finally {
      unsubscribe?.()
    }
  }

  async #waitForChange(bell: Bell, signal: AbortSignal): Promise<void> {
    await bell.wait(LOOK_INTERVAL_MS, signal)
    await new Bell().wait(LEAST_INTERVAL_MS, signal)
  }

  async *#readKept(workerId: WorkerId, tailLines: number | undefined): Output {
    const output = await findOutput(this.#database, workerId)
    if (output === undefined) return
    yield tailLines === undefined ? output : tailOf(output, tailLines)
  }

  async *#readEngine(place: Place, workerId: WorkerId, options: LogOptions): Output {
    if (this.#launcher === undefined) return
    const until = this.#untilGone(place, workerId, options)
    let isEmpty = true
    try {
      for await (const chunk of this.#launcher.logs(workerId, { ...options, signal: until.signal })) {
        isEmpty = false
        yield chunk
      }
    } catch (error) {
      throw new Unavailable('The output cannot be read from the engine now.', { cause: error })
    } finally {
      until.stop()
    }
    // The engine may have cleared it just before: then its row says so by now, and its output is kept.
    if (isEmpty && !options.signal.aborted && (await this.#isGone(place, workerId))) {
      yield* this.#readKept(workerId, options.tailLines)
    }
  }

  async #isGone(place: Place, workerId: WorkerId): Promise<boolean> {
    const source = await findLogSource(this.#database, place)
    return source?.workerId !== workerId || source.workerStatus === 'ended'
  }

  /** Aborts with `signal`; and where one follows, also some time after the worker is gone, should its engine not end. */
  #untilGone(place: Place, workerId: WorkerId, { follow, signal }: LogOptions) {
    const controller = new AbortController()
    const abort = () => {
      controller.abort()
    }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    let rest: NodeJS.Timeout | undefined
    const look = async () => {
      if (rest === undefined && (await this.#isGone(place, workerId)))
        rest = setTimeout(abort, REST_MS).unref()
    }
    const timer =
      follow === true
        ? setInterval(() => {
            // It is asked again.
            look().catch(() => undefined)
          }, LOOK_INTERVAL_MS).unref()
        : undefined
    const stop = () => {
      clearInterval(timer)
      clearTimeout(rest)
      signal.removeEventListener('abort', abort)
    }
    return { signal: controller.signal, stop }
  }
}
