import { SECOND_MS, type Clock } from '../../lib/clock.ts'
import { squeueWaiting } from './commands.ts'
import type { Job } from './jobs.ts'
import type { Slurm } from './slurm.ts'

/** How many jobs wait before ours, those of others too. */

/** The whole queue of a large site is long; nobody waits for this. */
const INTERVAL_MS = 30 * SECOND_MS

/** By the id of the job, which all tasks of an array share: how many lines of its partition stand before it. */
export function parsePositions(output: string): ReadonlyMap<string, number> {
  const positions = new Map<string, number>()
  const counts = new Map<string, number>()
  for (const line of output.split('\n')) {
    const [jobId = '', partition = ''] = line.split('|')
    const id = /^\d+/.exec(jobId)?.[0]
    if (id === undefined) continue
    const before = counts.get(partition) ?? 0
    if (!positions.has(id)) positions.set(id, before)
    counts.set(partition, before + 1)
  }
  return positions
}

export class QueuePositions {
  readonly #slurm: Slurm
  readonly #clock: Clock
  #positions: ReadonlyMap<string, number> = new Map()
  #askedAtMs = -Infinity

  constructor(slurm: Slurm, clock: Clock) {
    this.#slurm = slurm
    this.#clock = clock
  }

  /** As of the last time it was asked; asks again, beside, when that is long ago. */
  find({ jobId }: Pick<Job, 'jobId'>): number | undefined {
    const nowMs = this.#clock().getTime()
    if (nowMs - this.#askedAtMs >= INTERVAL_MS) {
      this.#askedAtMs = nowMs
      void this.#ask()
    }
    return this.#positions.get(jobId.split('_')[0] ?? '')
  }

  async #ask(): Promise<void> {
    // Some sites show nobody the jobs of others; then there is no position.
    const output = await this.#slurm.run(squeueWaiting()).catch(() => '')
    this.#positions = parsePositions(output)
  }
}
