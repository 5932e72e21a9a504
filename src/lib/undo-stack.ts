/** How to let go of what was taken, the last first. */
export class UndoStack {
  readonly #steps: (() => unknown)[] = []

  push(...steps: (() => unknown)[]): void {
    this.#steps.push(...steps)
  }

  /** Takes every step, also after one that failed; then rejects with the first failure. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
