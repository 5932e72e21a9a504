/** A clock that goes on by itself, and jumps when a test says so. */
export class TestClock {
  #offsetMs = 0

  readonly now = (): Date => new Date(Date.now() + this.#offsetMs)

  advance(ms: number): void {
    this.#offsetMs += ms
  }
}
