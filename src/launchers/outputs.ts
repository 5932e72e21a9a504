import { stat } from 'node:fs/promises'
import type { WorkerId } from '../domain/worker.ts'
import { Turns } from '../lib/turns.ts'
import type { LogOptions } from './launcher.ts'
import { cutOutput, readOutput } from './output.ts'

/** The outputs of all workers. */
export class Outputs {
  readonly #pathOf: (id: WorkerId) => string
  readonly #mostBytes: number
  readonly #turns = new Turns()
  /** Bytes that were cut off at the beginning. */
  readonly #cut = new Map<WorkerId, number>()

  constructor(pathOf: (id: WorkerId) => string, mostBytes: number) {
    this.#pathOf = pathOf
    this.#mostBytes = mostBytes
  }

  async *read(
    id: WorkerId,
    options: LogOptions,
    hasEnded: () => boolean | Promise<boolean>,
  ): AsyncGenerator<Uint8Array> {
    yield* readOutput(
      {
        path: this.#pathOf(id),
        mostBytes: this.#mostBytes,
        countCut: () => this.#cut.get(id) ?? 0,
        inTurn: work => this.#turns.run(id, work),
        hasEnded,
      },
      options,
    )
  }

  /** Cuts one that has become too long. */
  async cut(id: WorkerId): Promise<void> {
    const path = this.#pathOf(id)
    const size = await stat(path).then(
      stats => stats.size,
      () => 0,
    )
    if (size <= this.#mostBytes) return
    await this.#turns.run(id, () =>
      cutOutput(path, this.#mostBytes, bytes => {
        this.#cut.set(id, (this.#cut.get(id) ?? 0) + bytes)
      }),
    )
  }

  forget(id: WorkerId): void {
    this.#cut.delete(id)
  }
}
