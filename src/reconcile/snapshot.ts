import { setImmediate as nextTurn } from 'node:timers/promises'
import { listLiveClusters, type LiveCluster } from '../database/clusters.ts'
import type { Database } from '../database/database.ts'
import { listLatestWorkers, listUnendedWorkerIds, type RecordedWorker } from '../database/workers.ts'
import type { Runtime } from '../domain/runtime.ts'
import type { WorkerId } from '../domain/worker.ts'
import type { Launcher, ObservedWorker, Size } from '../launchers/launcher.ts'
import { toPlainText } from './plain-text.ts'

/** A live cluster with the latest worker on each of its seats, in the order of their roles and seats. */
export interface RecordedCluster extends LiveCluster {
  readonly seats: readonly RecordedWorker[]
}

const NOBODY: readonly RecordedWorker[] = []

/** What the engine said, or why it could not be asked. */
export type Look =
  | {
      readonly kind: 'seen'
      readonly workers: ReadonlyMap<WorkerId, ObservedWorker>
      readonly gone: ReadonlySet<WorkerId>
    }
  | { readonly kind: 'unreachable'; readonly why: string }

/** What the programs of a cluster say of themselves. */
export interface ProbeResult {
  /** `null` while nobody has answered. */
  readonly readyWorkers: number | null
  /** Why there is no answer, in words for the user. */
  readonly problem: string | null
  /** Since when nothing has been done; `null` while something is, or while nobody knows. */
  readonly idleSince: Date | null
}

/** All that a plan is made from. */
export interface Snapshot {
  readonly now: Date
  readonly look: Look
  /** The oldest first. */
  readonly clusters: readonly RecordedCluster[]
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly probes: ReadonlyMap<number, ProbeResult>
  /**
   * What all workers together may have; `undefined`: the engine queues by itself, or there is no bound; `unknown`: it
   * has not said yet what it can do.
   */
  readonly capacity: Size | 'unknown' | undefined
  /** The engine rounds a fraction of a CPU up. */
  readonly givesWholeCpus: boolean
}

/** Clusters that are read in one turn of the event loop, so that requests come between. */
const PAGE = 500

/**
 * Looks at the engine, then at the rows: so whatever is observed was recorded before. The ids to ask the engine for
 * are read before both; a worker that is recorded meanwhile was not asked for, and nothing is concluded of it.
 */
export async function takeSnapshot(
  rows: LiveRows,
  launcher: Pick<Launcher, 'list'>,
  around: Pick<Snapshot, 'runtimes' | 'probes' | 'capacity' | 'givesWholeCpus'> & {
    readonly clock: () => Date
  },
): Promise<Snapshot> {
  const { clock, ...rest } = around
  const recorded = await rows.listUnendedIds()
  const look = await lookAtEngine(launcher, recorded)
  const clusters = await rows.listClusters()
  return { ...rest, now: clock(), look, clusters }
}

/**
 * The rows that passes look at. They are read again when anything has been written since, which costs most of a pass
 * over very many; a database that cannot tell reads them every time. Whoever is given them changes nothing in them.
 */
export class LiveRows {
  readonly #database: Database
  readonly #home: string
  #version: number | undefined
  #ids: readonly WorkerId[] | undefined
  #clusters: readonly RecordedCluster[] | undefined

  constructor(database: Database, home: string) {
    this.#database = database
    this.#home = home
  }

  async listUnendedIds(): Promise<readonly WorkerId[]> {
    await this.#forgetIfWritten()
    return (this.#ids ??= await listUnendedWorkerIds(this.#database, this.#home))
  }

  /** The oldest first. */
  async listClusters(): Promise<readonly RecordedCluster[]> {
    await this.#forgetIfWritten()
    return (this.#clusters ??= await readClusters(this.#database, this.#home))
  }

  async #forgetIfWritten(): Promise<void> {
    const version = await this.#database.version()
    if (version !== undefined && version === this.#version) return
    this.#version = version
    this.#ids = undefined
    this.#clusters = undefined
  }
}

async function lookAtEngine(launcher: Pick<Launcher, 'list'>, recorded: readonly WorkerId[]): Promise<Look> {
  try {
    const { workers, gone } = await launcher.list(recorded)
    const byId = new Map<WorkerId, ObservedWorker>()
    for (const worker of workers) byId.set(worker.id, worker)
    return { kind: 'seen', workers: byId, gone }
  } catch (error) {
    return { kind: 'unreachable', why: error instanceof Error ? toPlainText(error.message) : 'unknown' }
  }
}

async function readClusters(database: Database, home: string): Promise<RecordedCluster[]> {
  const clusters: RecordedCluster[] = []
  for (let after = 0; ;) {
    const page = await listLiveClusters(database, { home, after, limit: PAGE })
    const [first, last] = [page[0], page.at(-1)]
    if (first === undefined || last === undefined) return clusters
    const workers = await listLatestWorkers(database, { home, first: first.id, last: last.id })
    const seats = new Map<number, RecordedWorker[]>()
    for (const worker of workers) {
      const ofCluster = seats.get(worker.clusterId)
      if (ofCluster === undefined) seats.set(worker.clusterId, [worker])
      else ofCluster.push(worker)
    }
    // The rows are ours alone; copying each would be a good part of a pass.
    for (const row of page) {
      clusters.push(Object.assign(row, { seats: sortSeats(seats.get(row.id) ?? NOBODY) }))
    }
    if (page.length < PAGE) return clusters
    after = last.id
    await nextTurn()
  }
}

function sortSeats(seats: readonly RecordedWorker[]): readonly RecordedWorker[] {
  if (seats.length < 2) return seats
  return seats.toSorted((a, b) => (a.role === b.role ? a.seat - b.seat : a.role === 'scheduler' ? -1 : 1))
}
