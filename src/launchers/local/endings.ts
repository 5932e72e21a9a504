import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import { toTimestamp, type Clock } from '../../lib/clock.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import type { Cgroups } from './cgroups.ts'
import type { Members, Sought } from './members.ts'
import { isAlive, signalProcess } from './processes.ts'
import { FILES, findLine, findStats, NEVER, parseIdentity, putNever } from './record.ts'
import { hideFolder, type Removal } from './removal.ts'

export interface EndingsOptions {
  readonly folder: string
  readonly cgroups: Cgroups
  readonly members: Members
  readonly removal: Removal
  readonly bootId: string
  readonly graceMs: number
  readonly clock: Clock
  readonly onGone: (worker: WorkerId) => void
  readonly onWarning: (message: string) => void
}

interface Ending {
  readonly id: WorkerId
  readonly since: Date
  /** Have had their SIGTERM. */
  readonly asked: Set<number>
  /** Looks in a row that found nothing of it. */
  emptyLooks: number
  /** Whether its folder goes as well, once nothing of it runs; else it stays to be read. */
  isToBeCleared: boolean
}

const LEAST_WAIT_MS = 30
const MOST_WAIT_MS = 500
/** A line that is still not complete then never will be: who wrote it has ended. */
const BROKEN_OFF_MS = 10_000

/** Brings workers to their end, a step at a time, until nothing of them is left. */
export class Endings {
  readonly #options: EndingsOptions
  readonly #endings = new Map<WorkerId, Ending>()
  #timer: NodeJS.Timeout | undefined
  #stepping: Promise<void> | undefined
  #isClosed = false
  #lastWarning = ''

  constructor(options: EndingsOptions) {
    this.#options = options
  }

  /**
   * Ends what runs of it and, if it is to be cleared, removes its folder after that. Does not wait. Nothing happens
   * for a worker that is gone.
   */
  begin(id: WorkerId, { isToBeCleared }: { isToBeCleared: boolean }): void {
    const ending = this.#endings.get(id)
    if (ending !== undefined) {
      ending.isToBeCleared ||= isToBeCleared
      return
    }
    const { folder, cgroups } = this.#options
    if (!existsSync(join(folder, id)) && cgroups.listPids(id) === undefined) return
    this.#endings.set(id, { id, since: this.#noteSince(id), asked: new Set(), emptyLooks: 0, isToBeCleared })
    this.#schedule(0)
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#stepping
  }

  /** The next server goes on from there. */
  #noteSince(id: WorkerId): Date {
    const { folder, clock, onWarning } = this.#options
    const path = join(folder, id, FILES.stopping)
    const since = new Date(findLine(path)?.text ?? '')
    if (!Number.isNaN(since.getTime())) return since
    const now = clock()
    try {
      writeFileSync(path, `${toTimestamp(now)}\n`)
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') {
        onWarning(`That worker ${id} is being ended could not be noted in ${path} (${errorCodeOf(error)}).`)
      }
    }
    return now
  }

  #schedule(waitMs: number): void {
    if (this.#isClosed || this.#stepping !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#stepping = this.#stepAll().finally(() => {
        this.#stepping = undefined
        if (this.#endings.size > 0) this.#schedule(this.#chooseWaitMs())
      })
    }, waitMs)
  }

  async #stepAll(): Promise<void> {
    try {
      await this.#stepEach([...this.#endings.values()])
    } catch (error) {
      this.#warn(error)
    }
  }

  /** Once for each reason: it is tried again many times a second. */
  #warn(error: unknown): void {
    const message = `Workers cannot be ended or cleared (${errorCodeOf(error)}); it is tried again.`
    if (message !== this.#lastWarning) this.#options.onWarning(message)
    this.#lastWarning = message
  }

  /** A fresh one is looked at often; one that takes its time, less. */
  #chooseWaitMs(): number {
    const now = this.#options.clock().getTime()
    const ages = [...this.#endings.values()].map(({ since }) => now - since.getTime())
    return Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, Math.min(...ages) / 20))
  }

  async #stepEach(endings: readonly Ending[]): Promise<void> {
    const sought = endings.map(({ id }) => ({ id, main: this.#findMain(id) }))
    const members = await this.#options.members.find(sought)
    let gone = 0
    for (const [index, ending] of endings.entries()) {
      try {
        const worker = { id: ending.id, main: sought[index]?.main }
        if (await this.#step(ending, worker, members.get(ending.id) ?? [])) gone += 1
      } catch (error) {
        // The others are not to wait for this one.
        this.#warn(error)
      }
      if (index % 16 === 15) await new Promise(setImmediate)
    }
    if (gone > 0) this.#options.removal.begin()
  }

  /** Whether it is gone now. */
  async #step(ending: Ending, worker: Sought, pids: readonly number[]): Promise<boolean> {
    if (pids.length === 0 && this.#prevent(ending)) return true
    if (pids.length > 0 && this.#isOverdue(ending)) {
      await this.#options.members.kill(worker)
      return false
    }
    // What has not begun yet does not hear signals, or is told by the file that it may not.
    if (this.#mayStillBegin(ending.id)) return false
    ending.emptyLooks = pids.length === 0 ? ending.emptyLooks + 1 : 0
    if (ending.emptyLooks >= this.#options.members.looksToBeSure) return this.#finish(ending)
    ask(ending, pids)
    return false
  }

  /** Whether its order was withdrawn before anybody took it. */
  #prevent({ id }: Ending): boolean {
    const path = join(this.#options.folder, id)
    if (!existsSync(path) || existsSync(join(path, FILES.keeper))) return false
    return putNever(this.#options.folder, id, FILES.keeper) && this.#clear(id)
  }

  #findMain(id: WorkerId) {
    const line = findLine(join(this.#options.folder, id, FILES.started))
    return line === undefined ? undefined : parseIdentity(line.text)
  }

  #isOverdue({ since }: Ending): boolean {
    return this.#options.clock().getTime() - since.getTime() >= this.#options.graceMs
  }

  /** Its keeper has the order, and has not said yet what became of it. */
  #mayStillBegin(id: WorkerId): boolean {
    const path = join(this.#options.folder, id)
    if (!existsSync(path)) return false
    const started = join(path, FILES.started)
    if (findLine(started) !== undefined) return false
    if (!existsSync(started)) return !putNever(this.#options.folder, id, FILES.started) && existsSync(path)
    return !this.#isBrokenOff(path)
  }

  #isBrokenOff(path: string): boolean {
    const keeper = findLine(join(path, FILES.keeper))
    const identity = keeper === undefined ? undefined : parseIdentity(keeper.text)
    if (identity !== undefined && isAlive(identity, this.#options.bootId)) return false
    const { mtime } = findStats(join(path, FILES.started)) ?? {}
    return mtime === undefined || this.#options.clock().getTime() - mtime.getTime() > BROKEN_OFF_MS
  }

  /** Nothing of it runs. */
  #finish({ id, isToBeCleared }: Ending): boolean {
    const path = join(this.#options.folder, id)
    // What never began, and what somebody else has removed, leaves nothing to read.
    const isToBeRead = existsSync(path) && findLine(join(path, FILES.started))?.text !== NEVER
    if (isToBeCleared || !isToBeRead) return this.#clear(id)
    this.#endings.delete(id)
    return false
  }

  /** Whether it is out of sight. */
  #clear(id: WorkerId): boolean {
    const { cgroups, folder, members, onGone } = this.#options
    if (!cgroups.remove(id)) return false
    hideFolder(folder, id)
    members.forget(id)
    this.#endings.delete(id)
    onGone(id)
    return true
  }
}

/** SIGTERM, once to each. */
function ask({ asked }: Ending, pids: readonly number[]): void {
  for (const pid of pids) {
    if (asked.has(pid)) continue
    asked.add(pid)
    signalProcess(pid, 'SIGTERM')
    // What is stopped would hear of it only when it goes on.
    signalProcess(pid, 'SIGCONT')
  }
}
