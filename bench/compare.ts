import type { Load, LoadResult } from './load.ts'
import { cpuSecondsOfTree, runLoad, type Server } from './processes.ts'

/** One side of a comparison: a server, the load on it, and what else burns the same core for it. */
export interface Side {
  readonly server: Server
  readonly load: Omit<Load, 'url' | 'seconds'>
  /** Further processes whose work belongs to it, such as PostgreSQL. */
  readonly alsoPids?: readonly number[]
  /** Runs beside the load. */
  readonly beside?: (stopped: () => boolean) => Promise<unknown>
}

export interface Measured {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time of the server for each request, in microseconds. */
  readonly cpuUs: number
}

/** The medians of all rounds, and the rate of each. */
export interface Rated extends Measured {
  readonly rates: readonly number[]
}

/** The median of the rounds' ratios: a slow moment of the machine hits both sides of a round, and its ratio less. */
export function ratioOf(ours: Rated, peer: Rated): number {
  return median(ours.rates.map((rate, round) => rate / (peer.rates[round] ?? NaN)))
}

export interface Rounds {
  readonly count: number
  readonly seconds: number
}

/** Measures the sides in turn, round by round, so that a slow moment of the machine hits all; medians. */
export async function measureInTurn<Name extends string>(
  sides: Readonly<Record<Name, Side>>,
  rounds: Rounds,
): Promise<Record<Name, Rated>> {
  const entries = Object.entries(sides) as [Name, Side][]
  const seen = new Map<Name, Measured[]>(entries.map(([name]) => [name, []]))
  for (const [, side] of entries) await measure(side, 1)
  for (let round = 0; round < rounds.count; round++) {
    for (const [name, side] of entries) seen.get(name)?.push(await measure(side, rounds.seconds))
  }
  return Object.fromEntries(entries.map(([name]) => [name, medians(seen.get(name) ?? [])])) as Record<
    Name,
    Rated
  >
}

async function measure(side: Side, seconds: number): Promise<Measured> {
  const { server, load, alsoPids = [], beside } = side
  const cpu = () =>
    [server.process.pid ?? 0, ...alsoPids].reduce((sum, pid) => sum + cpuSecondsOfTree(pid), 0)
  let stopped = false
  const other = beside?.(() => stopped)
  const before = cpu()
  const result: LoadResult = await runLoad({ ...load, url: server.url, seconds })
  const used = cpu() - before
  stopped = true
  await other
  if (result.failures > 0) throw new Error(`${result.failures} requests failed`)
  return {
    perSecond: result.perSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUs: (used / result.requests) * 1e6,
  }
}

function medians(all: readonly Measured[]): Rated {
  const of = (pick: (one: Measured) => number) => median(all.map(pick))
  return {
    rates: all.map(one => one.perSecond),
    perSecond: of(one => one.perSecond),
    p50Ms: of(one => one.p50Ms),
    p99Ms: of(one => one.p99Ms),
    cpuUs: of(one => one.cpuUs),
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
