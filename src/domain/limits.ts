/**
 * What bounds one request. The only copy: schemas, the database's constraints, error texts and the
 * documentation all read these.
 */

/** CPUs per worker: more than 0, at most this. */
export const MAX_CPUS = 16
/** GiB per worker: more than 0, at most this. */
export const MAX_MEMORY_GIB = 128
export const MAX_WORKERS = 1000
/** One year, for `idle_timeout_seconds` and `lifetime_seconds`. */
export const MAX_DURATION_SECONDS = 31_536_000

export const MAX_NAME_LENGTH = 63
export const NAME_PATTERN = `^[A-Za-z0-9._-]{1,${MAX_NAME_LENGTH}}$`

export const MAX_COMMAND_STRINGS = 256
/** All strings of a command together, in UTF-8. */
export const MAX_COMMAND_BYTES = 64 * 1024
/** All names and values of an environment together, in UTF-8. */
export const MAX_ENVIRONMENT_BYTES = 64 * 1024

export const MAX_BODY_BYTES = 1024 * 1024
export const MAX_PAGE_LENGTH = 1000

/** For `tail`. */
export const MAX_TAIL_LINES = 10_000
/** Streams, followed outputs and waiting requests that one user may have open at once, at each server. */
export const MAX_STREAMS = 500
/** For `wait_for`. */
export const MAX_WAIT_SECONDS = 600
export const DEFAULT_WAIT_SECONDS = 60

export const MAX_TOKEN_NAME_LENGTH = 100
export const LOGIN_TOKEN_DAYS = 30
/** Of a login with the page: browsers are left open on desks. */
export const SESSION_DAYS = 7

/** Django's own bound on a user name. */
export const MAX_USERNAME_LENGTH = 150
export const MIN_PASSWORD_LENGTH = 8
export const MAX_PASSWORD_LENGTH = 1024

/** How long an idempotency key replays its first answer. */
export const IDEMPOTENCY_KEY_HOURS = 24
/** 1 to 64 printable ASCII characters. */
export const IDEMPOTENCY_KEY_PATTERN = /^[\x20-\x7e]{1,64}$/

/**
 * A second sentence for a `memory` that is too large, when it looks like another unit.
 * `undefined` when no unit makes it plausible.
 */
export function memoryUnitHint(memory: number): string | undefined {
  if (memory <= MAX_MEMORY_GIB) return undefined
  const units = [
    ['MiB', 1024],
    ['KiB', 1024 ** 2],
    ['bytes', 1024 ** 3],
  ] as const
  for (const [unit, perGib] of units) {
    const gib = memory / perGib
    if (gib <= MAX_MEMORY_GIB) {
      return `looks like ${unit}, but memory is in GiB: ${memory} ${unit} would be ${Number(gib.toPrecision(4))}`
    }
  }
  return undefined
}
