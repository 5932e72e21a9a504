/** A small generator of pseudorandom numbers (mulberry32): the same seed gives the same run, on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, but not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to, but not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Throws when there is nothing to pick from. */
  pick<Item>(items: readonly Item[]): Item {
    const [item] = items.slice(this.below(items.length))
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** Characters of all kinds: ASCII, control characters, halves of surrogate pairs, emoji. */
  text(maxLength: number): string {
    return Array.from({ length: this.below(maxLength + 1) }, () => {
      const range = this.pick([0x20, 0x80, 0x80, 0x80, 0x100, 0x10_000, 0x11_0000])
      return String.fromCodePoint(this.below(range))
    }).join('')
  }

  bytes(maxLength: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(maxLength + 1) }, () => this.below(256)))
  }
}
