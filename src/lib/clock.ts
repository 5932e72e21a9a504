/** The time now. Passed as an argument, so that a test can set it. */
export type Clock = () => Date

// The one place that reads the machine's clock; a lint rule keeps it so.
export const systemClock: Clock = () => new Date()

/** RFC 3339, UTC, with milliseconds: sorts as text. */
export type Timestamp = string

export function toTimestamp(date: Date): Timestamp {
  return date.toISOString()
}

export function addMs(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms)
}

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
