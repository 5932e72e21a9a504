import type { Size } from '../launchers/launcher.ts'
import type { SeenWorker } from './observe.ts'
import type { Wanted } from './seats.ts'

/**
 * Who gets a place now, where the engine does not queue by itself: first come, first served. Pure. A cluster begins
 * when there is room for all of it, so that two of them never hold half of what each needs; nobody is let past
 * somebody who waits, so that a large one is not kept out for ever by small ones.
 */

export interface Candidate {
  readonly clusterId: number
  readonly wanted: readonly Wanted[]
  /** Its workers that have room: they are not gone, or another one takes their place. */
  readonly sitting: readonly SeenWorker[]
  /** What it needs as a whole: all its workers, and the scheduler. */
  readonly whole: Size
  /** It has begun, so that it has its place; what it wants beyond that queues as well. */
  readonly hasBegun: boolean
  /** It has a scheduler and no worker yet: its room is kept. */
  readonly isReserved: boolean
}

export interface Admission {
  readonly launches: readonly Wanted[]
  /** Set when it waits for room. */
  readonly waiting: Waiting | undefined
}

export interface Waiting {
  /** More room; where it has never had enough here, what it needs as a whole. */
  readonly needs: Size
  readonly used: Size
  readonly capacity: Size
  /** How many clusters wait before it. */
  readonly before: number
  /** There is room enough for it when nothing else runs. */
  readonly isPossible: boolean
}

/** An amount this small comes from adding fractions. */
const ROUNDING = 1e-9

/** `candidates` in the order they are served. At most `maxLaunches` in all; the rest is for the next pass. */
export function admit(
  candidates: readonly Candidate[],
  capacity: Size | undefined,
  maxLaunches: number,
): ReadonlyMap<number, Admission> {
  const admissions = new Map<number, Admission>()
  let left = maxLaunches
  let used = candidates.reduce((sum, candidate) => add(sum, held(candidate)), { cpus: 0, memory: 0 })
  let waitingCount = 0
  for (const candidate of candidates) {
    if (candidate.wanted.length === 0) continue
    const needs = needsOf(candidate)
    if (capacity !== undefined && (waitingCount > 0 || !fits(add(used, needs), capacity))) {
      // There is less room by now than when it was asked for: nobody need wait behind it.
      const isPossible = fits(candidate.whole, capacity)
      const wanted = isPossible ? needs : candidate.whole
      const waiting = { needs: wanted, used, capacity, before: waitingCount, isPossible }
      admissions.set(candidate.clusterId, { launches: [], waiting })
      if (isPossible) waitingCount += 1
      continue
    }
    used = add(used, needs)
    const launches = candidate.wanted.slice(0, left)
    left -= launches.length
    admissions.set(candidate.clusterId, { launches, waiting: undefined })
  }
  return admissions
}

/** What it has already, in the sum that others compete with. */
function held({ sitting, whole, isReserved }: Candidate): Size {
  return isReserved ? whole : sitting.reduce(add, { cpus: 0, memory: 0 })
}

function needsOf({ wanted, whole, hasBegun, isReserved }: Candidate): Size {
  if (isReserved) return { cpus: 0, memory: 0 }
  if (!hasBegun) return whole
  return wanted.flatMap(({ hasRoom, size }) => (hasRoom ? [] : [size])).reduce(add, { cpus: 0, memory: 0 })
}

function add(a: Size, b: Size): Size {
  return { cpus: a.cpus + b.cpus, memory: a.memory + b.memory }
}

function fits(sum: Size, capacity: Size): boolean {
  return sum.cpus <= capacity.cpus + ROUNDING && sum.memory <= capacity.memory + ROUNDING
}
