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
  const reserved = findReserved(candidates, capacity)
  let left = maxLaunches
  const launch = (wanted: readonly Wanted[]) => {
    const launches = wanted.slice(0, left)
    left -= launches.length
    return launches
  }
  let used = candidates.reduce((sum, candidate) => add(sum, held(candidate)), NOTHING)
  let waitingCount = 0
  for (const candidate of candidates) {
    const { clusterId, wanted, whole } = candidate
    if (wanted.length === 0) continue
    // Room that is kept for one is nobody else's: to let it queue for that would leave both waiting for ever.
    const hasPlace = ({ hasRoom }: Wanted) => hasRoom || reserved.has(clusterId)
    const queuing = wanted.filter(each => !hasPlace(each))
    const needs = needsOf(candidate, queuing)
    const isAdmitted = capacity === undefined || (waitingCount === 0 && fits(add(used, needs), capacity))
    if (queuing.length === 0 || isAdmitted) {
      used = add(used, needs)
      admissions.set(clusterId, { launches: launch(wanted), waiting: undefined })
      continue
    }
    // There is less room by now than when it was asked for: nobody need wait behind it.
    const isPossible = fits(whole, capacity)
    const waiting = { needs: isPossible ? needs : whole, used, capacity, before: waitingCount, isPossible }
    admissions.set(clusterId, { launches: launch(wanted.filter(hasPlace)), waiting })
    if (isPossible) waitingCount += 1
  }
  return admissions
}

/** Whose room is kept and still enough: not when it has grown meanwhile beyond what there is. */
function findReserved(candidates: readonly Candidate[], capacity: Size | undefined): ReadonlySet<number> {
  const reserved = new Set<number>()
  let used = candidates.reduce((sum, { sitting }) => add(sum, sumOf(sitting)), NOTHING)
  for (const { clusterId, sitting, whole, isReserved } of candidates) {
    if (!isReserved) continue
    const withIt = add(used, subtract(whole, sumOf(sitting)))
    if (capacity !== undefined && !fits(withIt, capacity)) continue
    used = withIt
    reserved.add(clusterId)
  }
  return reserved
}

/** What it has already, in the sum that others compete with. */
function held({ sitting, whole, isReserved }: Candidate): Size {
  return isReserved ? whole : sumOf(sitting)
}

function needsOf({ whole, hasBegun, isReserved }: Candidate, queuing: readonly Wanted[]): Size {
  if (isReserved) return NOTHING
  return hasBegun ? sumOf(queuing.map(({ size }) => size)) : whole
}

const NOTHING: Size = { cpus: 0, memory: 0 }

function sumOf(sizes: readonly Size[]): Size {
  return sizes.reduce(add, NOTHING)
}

function add(a: Size, b: Size): Size {
  return { cpus: a.cpus + b.cpus, memory: a.memory + b.memory }
}

function subtract(a: Size, b: Size): Size {
  return { cpus: a.cpus - b.cpus, memory: a.memory - b.memory }
}

function fits(sum: Size, capacity: Size): boolean {
  return sum.cpus <= capacity.cpus + ROUNDING && sum.memory <= capacity.memory + ROUNDING
}
