import type { WorkerId } from '../../domain/worker.ts'

/** What starts at all has started by then, unless the machine is very busy. */
const PATIENCE_MS = 300

/**
 * Workers that are just being launched. Whoever launches waits a moment for the word of their keepers: most start at
 * once, and the next look then finds all of them, instead of a few at a time.
 */
export class Starts {
  readonly #expected = new Set<WorkerId>()
  #onAll: (() => void) | undefined

  expect(id: WorkerId): void {
    this.#expected.add(id)
  }

  /** It has started, or will not. */
  tell(id: WorkerId): void {
    if (this.#expected.delete(id) && this.#expected.size === 0) this.#onAll?.()
  }

  /** Resolves when all have been told of, or after a while; then nobody is expected any more. */
  async wait(): Promise<void> {
    if (this.#expected.size > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, PATIENCE_MS).unref()
        this.#onAll = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#onAll = undefined
    this.#expected.clear()
  }
}
