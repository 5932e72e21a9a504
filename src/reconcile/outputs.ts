import type { WorkerId } from '../domain/worker.ts'
import type { Launcher } from '../launchers/launcher.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { toPlainText } from './plain-text.ts'

/** The end of what a worker printed, read while the engine still has it. */
export interface KeptOutput {
  readonly output: Uint8Array
  /** For people, in one line; `undefined` when it printed nothing. */
  readonly lastLine: string | undefined
}

const MAX_BYTES = 64 * 1024
/** More lines than that are rarely in so many bytes. */
const MAX_LINES = 4000
const MAX_LINE_LENGTH = 200
const TIMEOUT_MS = 5 * SECOND_MS
/** Read at the same time. */
const CONCURRENCY = 8

export interface Outputs {
  readonly kept: ReadonlyMap<WorkerId, KeptOutput>
  /** There was no time for them: they are left for the next pass. */
  readonly unread: ReadonlySet<WorkerId>
}

/** Reads what workers printed before they are cleared. */
export class OutputReader {
  readonly #timeoutMs: number
  /** Those whose reading was broken off the last time. */
  #brokenOff: ReadonlySet<WorkerId> = new Set()

  constructor({ timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {}) {
    this.#timeoutMs = timeoutMs
  }

  /**
   * Never rejects, and takes a few seconds at most, however many there are: what cannot be read is not
   * there, and must not keep a worker from being cleared, nor a pass from its end; so what is broken off twice is kept
   * as far as it came.
   */
  async read(launcher: Pick<Launcher, 'logs'>, workers: readonly WorkerId[]): Promise<Outputs> {
    const kept = new Map<WorkerId, KeptOutput>()
    const brokenOff = new Set<WorkerId>()
    const waiting = [...workers]
    const signal = AbortSignal.timeout(this.#timeoutMs)
    const work = async () => {
      while (!signal.aborted) {
        const worker = waiting.pop()
        if (worker === undefined) return
        const output = await readTail(launcher, worker, signal).catch(() => undefined)
        // What is there may be any part of it.
        if (signal.aborted && !this.#brokenOff.has(worker)) brokenOff.add(worker)
        else if (output !== undefined) kept.set(worker, { output, lastLine: findLastLine(output) })
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work))
    this.#brokenOff = brokenOff
    return { kept, unread: new Set([...waiting, ...brokenOff]) }
  }
}

async function readTail(
  launcher: Pick<Launcher, 'logs'>,
  worker: WorkerId,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let tail = Buffer.alloc(0)
  for await (const bytes of launcher.logs(worker, { tailLines: MAX_LINES, tailBytes: MAX_BYTES, signal })) {
    const all = Buffer.concat([tail, bytes])
    tail = all.subarray(Math.max(0, all.length - MAX_BYTES))
  }
  // A copy of its own: the part would keep the whole alive.
  return Uint8Array.from(tail)
}

/** The last line that is not empty, without what a terminal would act on. */
export function findLastLine(output: Uint8Array): string | undefined {
  const end = Buffer.from(output.subarray(Math.max(0, output.length - 4096))).toString('utf8')
  const lines = end.split(/[\r\n]+/).map(toPlainText)
  const line = lines.findLast(each => each !== '')
  if (line === undefined || line.length <= MAX_LINE_LENGTH) return line
  return `${line.slice(0, MAX_LINE_LENGTH)}…`
}
