/**
 * One who waits, and others who ring. A ring while nobody waits is kept for the next wait, so that what happens
 * between a look and the wait after it is not missed.
 */
export class Bell {
  #hasRung = false
  #wake: (() => void) | undefined

  readonly ring = (): void => {
    this.#hasRung = true
    this.#wake?.()
  }

  /** Resolves when it is rung, after `ms`, or when `signal` aborts. Only one may wait at a time. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#hasRung || signal.aborted) {
      this.#hasRung = false
      return Promise.resolve()
    }
    return new Promise(resolve => {
      const finish = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        this.#wake = undefined
        this.#hasRung = false
        resolve()
      }
      const timer = setTimeout(finish, ms)
      this.#wake = finish
      signal.addEventListener('abort', finish)
    })
  }
}
