import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import { Turns } from '../../lib/turns.ts'
import type { LogOptions } from '../launcher.ts'
import { cutOutput, readOutput } from './output.ts'
import { FILES, findStats } from './record.ts'

/** The outputs of all workers. */
export class Outputs {
  readonly #folder: string
  readonly #mostBytes: number
  readonly #turns = new Turns()
  /** Bytes that were cut off at the beginning. */
  readonly #cut = new Map<WorkerId, number>()

  constructor(folder: string, mostBytes: number) {
    this.#folder = folder
    this.#mostBytes = mostBytes
  }

  async *read(id: WorkerId, options: LogOptions, hasEnded: () => boolean): AsyncGenerator<Uint8Array> {
    if (!existsSync(join(this.#folder, id))) return
    yield* readOutput(
      {
        path: this.#path(id),
        mostBytes: this.#mostBytes,
        countCut: () => this.#cut.get(id) ?? 0,
        inTurn: work => this.#turns.run(id, work),
        hasEnded,
      },
      options,
    )
  }

  isTooLong(id: WorkerId): boolean {
    return (findStats(this.#path(id))?.size ?? 0) > this.#mostBytes
  }

  async cut(id: WorkerId): Promise<void> {
    await this.#turns.run(id, () =>
      cutOutput(this.#path(id), this.#mostBytes, bytes => {
        this.#cut.set(id, (this.#cut.get(id) ?? 0) + bytes)
      }),
    )
  }

  forget(id: WorkerId): void {
    this.#cut.delete(id)
  }

  #path(id: WorkerId): string {
    return join(this.#folder, id, FILES.log)
  }
}
