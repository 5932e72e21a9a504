import type { WorkerId } from '../../domain/worker.ts'
import type { Cgroups } from './cgroups.ts'
import {
  findProcess,
  listPids,
  readEnvironment,
  signalProcess,
  type ProcessIdentity,
  type ProcessStat,
} from './processes.ts'

/** Which processes are a worker's, and how they are signalled. */
export interface Members {
  /** By worker: its processes. Dead ones that nobody has fetched do not count. */
  find(workers: readonly Sought[]): Promise<ReadonlyMap<WorkerId, readonly number[]>>
  /** So many looks in a row that find nothing make sure that nothing is left. */
  readonly looksToBeSure: number
  /** SIGKILL to all of them, whatever they begin meanwhile. */
  kill(worker: Sought): Promise<void>
  /** It is gone. */
  forget(id: WorkerId): void
}

export interface Sought {
  readonly id: WorkerId
  /** Its first process, as soon as that is known. */
  readonly main: ProcessIdentity | undefined
}

/** The kernel knows them. */
export class GroupMembers implements Members {
  readonly looksToBeSure = 1
  readonly #cgroups: Cgroups

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups
  }

  find(workers: readonly Sought[]): Promise<ReadonlyMap<WorkerId, readonly number[]>> {
    return Promise.resolve(new Map(workers.map(({ id }) => [id, this.#cgroups.listPids(id) ?? []])))
  }

  kill({ id }: Sought): Promise<void> {
    this.#cgroups.kill(id)
    return Promise.resolve()
  }

  /** Nothing is remembered here. */
  forget(): void {}
}

/** Reading so many processes takes about a millisecond. */
const PROCESSES_AT_ONCE = 32
/** A worker that begins processes faster than they are stopped is not stopped by more looks. */
const MOST_LOOKS = 50

/**
 * Without groups: a process is the worker's when it is its first, is in its session while that one lives, or has
 * its tag in the environment, as everything has that the worker begins.
 */
export class TaggedMembers implements Members {
  /** What hands over to a successor every few milliseconds can slip through one. */
  readonly looksToBeSure = 3
  readonly #bootId: string
  /** Once known as a worker's, a process stays it: by PID and start time. */
  readonly #known = new Map<WorkerId, Map<number, string>>()

  constructor(bootId: string) {
    this.#bootId = bootId
  }

  async find(
    workers: readonly Sought[],
    onFound: (pid: number) => void = () => undefined,
  ): Promise<ReadonlyMap<WorkerId, readonly number[]>> {
    const found = new Map<WorkerId, number[]>(workers.map(({ id }) => [id, []]))
    const sessions = new Map(
      workers.filter(each => this.#hasMain(each)).map(each => [each.main?.pid, each.id]),
    )
    // The newest first: they may be gone, with a successor, before a look comes to its end.
    const pids = listPids().toSorted((one, other) => other - one)
    for (const [index, pid] of pids.entries()) {
      if (index % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await new Promise(setImmediate)
      const stat = findProcess(pid)
      if (stat === undefined || stat.isZombie) continue
      const id = sessions.get(pid) ?? sessions.get(stat.session) ?? this.#findTag(pid, stat, found)
      if (id === undefined) continue
      onFound(pid)
      found.get(id)?.push(pid)
      this.#remember(id, pid, stat)
    }
    return found
  }

  /** A number that another process has by now tells nothing. */
  #hasMain({ main }: Sought): boolean {
    if (main === undefined || main.bootId !== this.#bootId) return false
    return findProcess(main.pid)?.startTicks === main.startTicks
  }

  #findTag(pid: number, stat: ProcessStat, sought: ReadonlyMap<WorkerId, unknown>): WorkerId | undefined {
    for (const id of sought.keys()) if (this.#known.get(id)?.get(pid) === stat.startTicks) return id
    const tag = readEnvironment(pid).find(variable => variable.startsWith(TAG))
    const id = tag?.slice(TAG.length)
    return id !== undefined && sought.has(id) ? id : undefined
  }

  #remember(id: WorkerId, pid: number, { startTicks }: ProcessStat): void {
    const known = this.#known.get(id) ?? new Map<number, string>()
    known.set(pid, startTicks)
    this.#known.set(id, known)
  }

  /** Stops all first: what is stopped begins nothing while the others are killed. */
  async kill(worker: Sought): Promise<void> {
    const stopped = new Set<number>()
    for (let look = 0, empty = 0; look < MOST_LOOKS && empty < this.looksToBeSure; look += 1) {
      const before = stopped.size
      await this.find([worker], pid => {
        if (!stopped.has(pid)) signalProcess(pid, 'SIGSTOP')
        stopped.add(pid)
      })
      empty = stopped.size === before ? empty + 1 : 0
    }
    for (const pid of stopped) signalProcess(pid, 'SIGKILL')
  }

  forget(id: WorkerId): void {
    this.#known.delete(id)
  }
}

const TAG = 'CLUSTER_WORKER_ID='
