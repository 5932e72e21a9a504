import { hostname } from 'node:os'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ObservedState, ObservedUse, ObservedWorker, WorkerEnd } from '../launcher.ts'
import type { Cgroups } from './cgroups.ts'
import { describeExit, explainNotRun, mayBeNotRun } from '../exit.ts'
import { parseOrderSize } from '../order.ts'
import { isAlive, type ProcessIdentity } from './processes.ts'
import {
  FILES,
  findLine,
  findStats,
  NEVER,
  parseEnding,
  parseIdentity,
  putNever,
  type Ending,
} from './record.ts'

export interface ObserverOptions {
  readonly folder: string
  readonly cgroups: Cgroups
  readonly bootId: string
  readonly clock: Clock
  /** Whether this server is starting it, or has a moment ago. */
  readonly isUnderWay: (worker: WorkerId) => boolean
}

/** What never changes once it is known, so that a look costs little. */
interface Known {
  started?: { readonly identity: ProcessIdentity; readonly at: Date }
  keeper?: ProcessIdentity
  /** How it ended. */
  end?: WorkerEnd
  use?: ObservedUse
  /** When that was read, while it still grows. */
  useReadMs?: number | undefined
}

/** A server that was killed may have left keepers that take their orders any moment. */
const YOUNG_MS = 3000

/** Reading what a worker uses is most of a look, and nobody asks so often. */
const USE_MS = 1000
const NO_USE: ObservedUse = { cpuSeconds: null, memoryBytes: null, peakMemoryBytes: null }

const NODE = hostname()
const ADDRESS = '127.0.0.1'

/** Tells by a worker's folder, and by what runs, in which state it is. */
export class Observer {
  readonly #options: ObserverOptions
  readonly #known = new Map<WorkerId, Known>()

  constructor(options: ObserverOptions) {
    this.#options = options
  }

  /** `undefined`: it has never begun and never will; what is left of it can be cleared. */
  observe(id: WorkerId): ObservedWorker | undefined {
    const known = this.#known.get(id) ?? {}
    this.#known.set(id, known)
    const state = this.#findState(id, known)
    if (state === undefined) return undefined
    return { id, handle: id, state, node: NODE, address: ADDRESS, use: this.#findUse(id, known, state) }
  }

  forget(id: WorkerId): void {
    this.#known.delete(id)
  }

  /** Those whose folders are gone by another hand. */
  forgetAllBut(ids: ReadonlySet<WorkerId>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
  }

  /** Whether it runs as far as is known, without a look. */
  hasEnded(id: WorkerId): boolean {
    return this.#known.get(id)?.end !== undefined
  }

  #findUse(id: WorkerId, known: Known, { kind }: ObservedState): ObservedUse {
    if (kind !== 'started' && kind !== 'ended') return NO_USE
    const nowMs = this.#options.clock().getTime()
    const isFresh = known.useReadMs === undefined || (kind === 'started' && nowMs - known.useReadMs < USE_MS)
    if (known.use !== undefined && isFresh) return known.use
    known.use = this.#options.cgroups.readUse(id)
    known.useReadMs = kind === 'started' ? nowMs : undefined
    return known.use
  }

  #findState(id: WorkerId, known: Known): ObservedState | undefined {
    const end = this.#findEnd(id, known)
    if (end !== undefined) return { kind: 'ended', ...end }
    const started = this.#findStarted(id, known)
    if (started === 'never') return undefined
    if (started !== undefined) return this.#checkStarted(id, known, started)
    const keeper = findStats(this.#path(id, FILES.keeper))
    if (keeper === undefined) return this.#checkUntaken(id)
    return this.#checkTaken(id, known, keeper.mtimeMs)
  }

  #checkStarted(id: WorkerId, known: Known, { identity, at }: NonNullable<Known['started']>): ObservedState {
    const started = { kind: 'started', startedAt: at } as const
    if (isAlive(identity, this.#options.bootId)) return started
    // Its keeper is about to write how it ended.
    const keeper = this.#findKeeper(id, known)
    if (keeper !== undefined && keeper !== 'never' && isAlive(keeper, this.#options.bootId)) return started
    // Or has just done so.
    const end = this.#findEnd(id, known) ?? this.#loseWorker(known, identity, 'ran')
    return { kind: 'ended', ...end }
  }

  /** A keeper has it, and has not started it yet. */
  #checkTaken(id: WorkerId, known: Known, takenMs: number): ObservedState | undefined {
    const keeper = this.#findKeeper(id, known)
    if (keeper === 'never') return undefined
    const isAtWork =
      keeper === undefined
        ? this.#options.clock().getTime() - takenMs < YOUNG_MS
        : isAlive(keeper, this.#options.bootId)
    if (isAtWork) return { kind: 'placed' }
    // It may just have started it; who creates the file first decides.
    if (!this.#withdraw(id, FILES.started)) {
      const started = this.#findStarted(id, known)
      if (started === undefined || started === 'never') return { kind: 'placed' }
      return this.#checkStarted(id, known, started)
    }
    return { kind: 'ended', ...this.#loseWorker(known, keeper, 'was being started') }
  }

  #checkUntaken(id: WorkerId): ObservedState | undefined {
    const { folder, isUnderWay, clock } = this.#options
    if (isUnderWay(id)) return { kind: 'placed' }
    const written = findStats(this.#path(id, FILES.order)) ?? findStats(join(folder, id))
    if (written === undefined) return undefined
    if (clock().getTime() - written.mtimeMs < YOUNG_MS) return { kind: 'placed' }
    return this.#withdraw(id, FILES.keeper) ? undefined : { kind: 'placed' }
  }

  /** Whether it is sure that it never starts. On a disk that cannot be written nothing is; the next look tries again. */
  #withdraw(id: WorkerId, file: 'keeper' | 'started'): boolean {
    try {
      return putNever(this.#options.folder, id, file)
    } catch {
      return false
    }
  }

  #findStarted(id: WorkerId, known: Known): Known['started'] | 'never' {
    if (known.started !== undefined) return known.started
    const line = findLine(this.#path(id, FILES.started))
    if (line === undefined) return undefined
    if (line.text === NEVER) return 'never'
    const identity = parseIdentity(line.text)
    if (identity !== undefined) known.started = { identity, at: line.at }
    return known.started
  }

  #findKeeper(id: WorkerId, known: Known): ProcessIdentity | 'never' | undefined {
    if (known.keeper !== undefined) return known.keeper
    const text = findLine(this.#path(id, FILES.keeper))?.text ?? ''
    if (text === NEVER) return 'never'
    const identity = parseIdentity(text)
    if (identity !== undefined) known.keeper = identity
    return identity
  }

  #findEnd(id: WorkerId, known: Known): WorkerEnd | undefined {
    if (known.end !== undefined) return known.end
    const line = findLine(this.#path(id, FILES.ended))
    const ending = line === undefined ? undefined : parseEnding(line)
    if (ending === undefined) return undefined
    const started = this.#findStarted(id, known)
    const startedAt = started === undefined || started === 'never' ? null : started.at
    const end = {
      ...describeExit(ending),
      startedAt,
      endedAt: ending.at,
      ...this.#explain(id, ending, startedAt),
    }
    known.end = end
    if (this.#options.cgroups.version !== 0) {
      const { cpuSeconds, peakMemoryBytes } = ending
      known.use = { cpuSeconds, memoryBytes: 0, peakMemoryBytes }
      known.useReadMs = undefined
    }
    return end
  }

  /** What exit code and signal do not say. */
  #explain(id: WorkerId, ending: Ending, startedAt: Date | null): Pick<WorkerEnd, 'reason' | 'message'> {
    if (ending.oomKills > 0 && ending.exitCode !== 0) {
      return { reason: 'out_of_memory', message: this.#describeMemory(id, ending) }
    }
    if (startedAt === null) {
      return { reason: 'worker_lost', message: 'could not be started; its output says why' }
    }
    const message = mayBeNotRun(ending)
      ? explainNotRun(findLine(this.#path(id, FILES.log))?.text ?? '', 'this machine')
      : undefined
    return message === undefined
      ? { reason: undefined, message: null }
      : { reason: 'program_not_found', message }
  }

  #describeMemory(id: WorkerId, { peakMemoryBytes }: Ending): string {
    const size = parseOrderSize(findLine(this.#path(id, FILES.order))?.text ?? '')
    const limit = size === undefined ? '' : ` of ${size.memory} GiB`
    return `was over its memory${limit} (peak ${toGib(peakMemoryBytes)} GiB): ask for more`
  }

  /** Nobody knows how it ended; since when we know stands for the time. */
  #loseWorker(known: Known, last: ProcessIdentity | undefined, what: string): WorkerEnd {
    const isRestart = last !== undefined && last.bootId !== this.#options.bootId
    const end: WorkerEnd = {
      startedAt: known.started?.at ?? null,
      endedAt: this.#options.clock(),
      exitCode: null,
      signal: null,
      reason: 'worker_lost',
      message: isRestart
        ? `was lost: this machine was restarted while it ${what}`
        : `ended while it ${what}, and so did its keeper, so how it ended is not known`,
    }
    known.end = end
    return end
  }

  #path(id: WorkerId, file: string): string {
    return join(this.#options.folder, id, file)
  }
}

function toGib(bytes: number): string {
  const gib = bytes / 1024 ** 3
  return gib < 1 ? String(Number(gib.toPrecision(3))) : gib.toFixed(1)
}
