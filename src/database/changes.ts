/**
 * Who wants to hear that something has changed. What is announced in one turn of the event loop becomes one call,
 * and nobody is called from within the work that announced it.
 */
export class Changes {
  readonly #listeners = new Set<() => void>()
  #isScheduled = false

  announce(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      for (const listener of this.#listeners) listener()
    })
  }

  /** The returned function ends it. */
  subscribe(listener: () => void): () => void {
    // One listener may be added twice, and each is ended by itself.
    const own = () => {
      listener()
    }
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }
}
