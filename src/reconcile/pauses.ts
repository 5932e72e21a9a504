import { SECOND_MS } from '../lib/clock.ts'

/** How long the loop pauses after a pass. Pure. */

/** Without a change a pass is made so often, for what nobody announces. */
const INTERVAL_MS = SECOND_MS
/**
 * Passes that nothing asked for take less than a hundredth of a core, all told: what one costs while it lasts is less
 * than half of it, for its garbage is collected later. They are never further apart than this.
 */
const IDLE_REST = 249
const LONGEST_INTERVAL_MS = 30 * SECOND_MS
/** Passes that something asked for rest for half of what they took of this process, once that can be felt. */
const BUSY_REST = 0.5
const FELT_MS = 50
const FAILED_REST_MS = [SECOND_MS, 2 * SECOND_MS, 5 * SECOND_MS]
const LONGEST_FAILED_REST_MS = 10 * SECOND_MS

export interface PassTimes {
  readonly ms: number
  /** What the calls to the engine took of that. */
  readonly engineMs: number
  /** CPU time of the process meanwhile: collecting garbage goes on beside a pass, on other cores. */
  readonly cpuMs: number
  /** Passes in a row that have failed, this one included. */
  readonly failures: number
}

export interface Pauses {
  /** Whoever wakes the loop is heard after this. */
  readonly restMs: number
  /** And without a wake, so much later. */
  readonly waitMs: number
}

export function pausesAfter({ ms, engineMs, cpuMs, failures }: PassTimes): Pauses {
  // How long it took until it failed tells what it waited for, and nothing of the next one.
  if (failures > 0) return { restMs: FAILED_REST_MS[failures - 1] ?? LONGEST_FAILED_REST_MS, waitMs: 0 }
  const ownMs = ms - engineMs
  return {
    restMs: ownMs > FELT_MS ? ownMs * BUSY_REST : 0,
    waitMs: Math.max(INTERVAL_MS, Math.min(LONGEST_INTERVAL_MS, Math.max(ms, cpuMs) * IDLE_REST)),
  }
}
