/** The units in which durations are written and told, in seconds. */
export const DURATION_UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** The two largest units of it: `3d 4h`, `12m 5s`. */
export function formatDuration(seconds: number): string {
  const parts: string[] = []
  let rest = Math.max(0, Math.floor(seconds))
  for (const [unit, size] of Object.entries(DURATION_UNITS).toReversed()) {
    const amount = Math.floor(rest / size)
    rest -= amount * size
    if (amount > 0) parts.push(`${amount}${unit}`)
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0s' : parts.join(' ')
}

export function secondsBetween(from: string, toMs: number): number {
  return (toMs - Date.parse(from)) / 1000
}

/** The largest unit alone, for a column of them: `3d`. */
export function formatAge(since: string, nowMs: number): string {
  return formatDuration(secondsBetween(since, nowMs)).split(' ')[0] ?? ''
}
