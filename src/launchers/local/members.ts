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
  /** SIGKILL to all of them, whatever they begin meanwhile. */
  kill(worker: Sought): Promise<void>
}

export interface Sought {
  readonly id: WorkerId
  /** Its first process, as soon as that is known. */
  readonly main: ProcessIdentity | undefined
}

/** The kernel knows them. */
export class GroupMembers implements Members {
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
  readonly #bootId: string
  /** Once known as a worker's, a process stays it: by PID and start time. */
  readonly #known = new Map<WorkerId, Map<number, string>>()

  constructor(bootId: string) {
    this.#bootId = bootId
  }

  async find(workers: readonly Sought[]): Promise<ReadonlyMap<WorkerId, readonly number[]>> {
    const found = new Map<WorkerId, number[]>(workers.map(({ id }) => [id, []]))
    const sessions = new Map(
      workers.filter(each => this.#hasMain(each)).map(each => [each.main?.pid, each.id]),
    )
    const pids = listPids()
    for (const [index, pid] of pids.entries()) {
      if (index % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await new Promise(setImmediate)
      const stat = findProcess(pid)
      if (stat === undefined || stat.isZombie) continue
      const id = sessions.get(pid) ?? sessions.get(stat.session) ?? this.#findTag(pid, stat, found)
      if (id === undefined) continue
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
    for (let look = 0; look < MOST_LOOKS; look += 1) {
      const pids = (await this.find([worker])).get(worker.id) ?? []
      const fresh = pids.filter(pid => !stopped.has(pid))
      if (fresh.length === 0) break
      for (const pid of fresh) signalProcess(pid, 'SIGSTOP')
      for (const pid of fresh) stopped.add(pid)
    }
    for (const pid of stopped) signalProcess(pid, 'SIGKILL')
  }

  /** Its processes are gone. */
  forget(id: WorkerId): void {
    this.#known.delete(id)
  }
}

const TAG = 'CLUSTER_WORKER_ID='
