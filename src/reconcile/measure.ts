import type { NewSample, WorkerUse } from '../database/samples.ts'
import type { WorkerId } from '../domain/worker.ts'
import { SECOND_MS, toTimestamp } from '../lib/clock.ts'
import type { Look } from './snapshot.ts'

/** A cluster by its workers. */
interface Seated {
  readonly id: number
  readonly seats: readonly { readonly id: WorkerId }[]
}

/** What a worker had used when it was last looked at. */
export interface Reading {
  readonly cpuSeconds: number
  readonly atMs: number
}

export interface Measured {
  readonly samples: readonly NewSample[]
  readonly uses: readonly WorkerUse[]
  /** For the next time. */
  readonly readings: ReadonlyMap<WorkerId, Reading>
}

/**
 * What live clusters use, from what the engine says of their workers and what it said before. Pure. CPUs are an average
 * since then; of a worker without an earlier reading since its start, unless `longestMs` have passed: its server was
 * started meanwhile, and an average over hours would be none of a minute.
 */
export function measure(
  { look, clusters, now }: { look: Look; clusters: readonly Seated[]; now: Date },
  previous: ReadonlyMap<WorkerId, Reading>,
  longestMs: number,
): Measured {
  const readings = new Map<WorkerId, Reading>()
  const uses: WorkerUse[] = []
  const samples: NewSample[] = []
  if (look.kind === 'unreachable') return { samples, uses, readings: previous }
  const nowMs = now.getTime()
  for (const cluster of clusters) {
    const used = { cpus: null as number | null, memoryBytes: null as number | null }
    const observed = cluster.seats.flatMap(({ id }) => look.workers.get(id) ?? [])
    for (const { id, state, use } of observed) {
      if (state.kind !== 'started') continue
      const { cpuSeconds, memoryBytes, peakMemoryBytes } = use
      if (cpuSeconds !== null) readings.set(id, { cpuSeconds, atMs: nowMs })
      if (cpuSeconds !== null || peakMemoryBytes !== null) uses.push({ id, cpuSeconds, peakMemoryBytes })
      if (memoryBytes !== null) used.memoryBytes = (used.memoryBytes ?? 0) + memoryBytes
      const since = previous.get(id) ?? { cpuSeconds: 0, atMs: state.startedAt.getTime() }
      const ms = nowMs - since.atMs
      if (cpuSeconds === null || ms <= 0 || ms > longestMs) continue
      used.cpus = (used.cpus ?? 0) + Math.max(0, cpuSeconds - since.cpuSeconds) / (ms / SECOND_MS)
    }
    if (used.cpus === null && used.memoryBytes === null) continue
    const cpus = used.cpus === null ? null : Math.round(used.cpus * 1000) / 1000
    samples.push({ clusterId: cluster.id, at: toTimestamp(now), cpus, memoryBytes: used.memoryBytes })
  }
  return { samples, uses, readings }
}
