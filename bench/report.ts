import { cpus } from 'node:os'
import type { Measured } from './compare.ts'

export interface Line {
  readonly what: string
  /** The ratio, or the figure itself. */
  readonly figure: number
  readonly unit: 'of peer' | 's' | 'ms' | 'MB' | 'times' | '% of a core' | 'a minute'
  readonly goal: number
  /** What it must not miss; the goal itself when absent. */
  readonly floor?: number
  /** Whether less is better. */
  readonly least?: boolean
  readonly ours?: Measured
  readonly peer?: Measured
}

/** The table as Markdown. */
export function renderReport(lines: readonly Line[], profile: string): string {
  const rows = lines.map(line =>
    [
      line.what,
      `**${line.figure.toFixed(2)}** ${line.unit}`,
      `${line.least === true ? 'at most' : 'at least'} ${line.goal}`,
      verdict(line),
      describe(line.ours),
      describe(line.peer),
    ].join(' | '),
  )
  return `# Measured

Written by \`npm run bench\`: Node ${process.version} on ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}). The server has one core, the load the other; the peer is a bare \`node:http\` server that answers a constant of the same size, measured in turn with ours, and each figure is the median of the rounds' ratios. 64 connections where nothing else is said. "CPU" is the server's processor time for each request, the steadiest figure on a shared machine. Every production hook is on: authentication, security headers, request ids, limits, metrics.

| what | figure | goal | | ours | peer |
|---|---|---|---|---|---|
${rows.map(row => `| ${row} |`).join('\n')}

## Where the time of a GET goes

${profile}
`
}

function verdict({ figure, goal, floor = goal, least = false }: Line): string {
  const reaches = (bound: number) => (least ? figure <= bound : figure >= bound)
  if (reaches(goal)) return 'reached'
  return reaches(floor) ? `above the floor of ${floor}` : `missed (floor ${floor})`
}

function describe(measured: Measured | undefined): string {
  if (measured === undefined) return ''
  const { perSecond, p50Ms, p99Ms, cpuUs } = measured
  return `${Math.round(perSecond).toLocaleString('en')}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, CPU ${cpuUs.toFixed(1)} µs`
}

export function times({ oursMs, peerMs }: { oursMs: number; peerMs: number }): string {
  return ` (${oursMs.toFixed(1)} ms to ${peerMs.toFixed(1)} ms)`
}
