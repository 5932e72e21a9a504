/** When it is worth to look again, without anybody being asked in vain. */
export interface WatchOptions {
  /** Names of what jobs have put in the shared folder. */
  readonly listNews: () => Promise<readonly string[]>
  readonly onChange: () => void
}

/** Just after a launch, and when nothing has happened for long. */
const FIRST_MS = 15
const LONGEST_MS = 1000
/** So that what happens is noticed a fiftieth later than it could be. */
const GROWTH = 1.02
/** While Slurm is about to end something; that is nowhere to be seen but in Slurm. */
const FIRST_SETTLING_MS = 100
const LONGEST_SETTLING_MS = 2000

/** Looks into the folder where jobs leave their news: often after a launch, then less and less. */
export class Watch {
  readonly #options: WatchOptions
  #intervalMs = LONGEST_MS
  #known: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined
  #settlingMs = FIRST_SETTLING_MS
  #settlingTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#wait()
  }

  /** Something is about to happen. */
  expect(): void {
    this.#intervalMs = FIRST_MS
    this.#wait()
  }

  /** Whether Slurm had not finished yet, at the last look, what has begun to end. */
  noteSettling(isSettling: boolean): void {
    if (!isSettling) {
      clearTimeout(this.#settlingTimer)
      this.#settlingTimer = undefined
      this.#settlingMs = FIRST_SETTLING_MS
      return
    }
    if (this.#settlingTimer !== undefined || this.#isClosed) return
    this.#settlingTimer = setTimeout(() => {
      this.#settlingTimer = undefined
      this.#settlingMs = Math.min(LONGEST_SETTLING_MS, this.#settlingMs * 1.5)
      this.#options.onChange()
    }, this.#settlingMs).unref()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#settlingTimer)
  }

  #wait(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      void this.#look().then(() => {
        this.#intervalMs = Math.min(LONGEST_MS, this.#intervalMs * GROWTH)
        this.#wait()
      })
    }, this.#intervalMs).unref()
  }

  async #look(): Promise<void> {
    // A file system that does not answer is what a pass will find out.
    const names = await this.#options.listNews().catch(() => [])
    const isNews = names.some(name => !this.#known.has(name))
    this.#known = new Set(names)
    if (isNews && !this.#isClosed) this.#options.onChange()
  }
}
