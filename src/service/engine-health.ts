import type { EngineFacts } from '../launchers/launcher.ts'
import { toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'

/** How the engine does, for administrators: what it last said of itself, and the last pass of this server. */
export class EngineHealth {
  readonly engine: string
  readonly home: string
  readonly #clock: Clock
  #described: { readonly at: Timestamp; readonly facts: EngineFacts } | undefined
  #problem: string | null = null
  #lastPass: { readonly at: Timestamp; readonly ms: number; readonly clusters: number } | null = null

  constructor(engine: { engine: string; home: string }, clock: Clock) {
    this.engine = engine.engine
    this.home = engine.home
    this.#clock = clock
  }

  /** `null` until it has answered once. */
  get described(): { readonly at: Timestamp; readonly facts: EngineFacts } | null {
    return this.#described ?? null
  }

  /** Why it did not answer the last time; `null`: it did. */
  get problem(): string | null {
    return this.#problem
  }

  /** `null`: this server has made none; with several servers one makes those of a home. */
  get lastPass(): { readonly at: Timestamp; readonly ms: number; readonly clusters: number } | null {
    return this.#lastPass
  }

  noteDescription(facts: EngineFacts): void {
    this.#described = { at: toTimestamp(this.#clock()), facts }
    this.#problem = null
  }

  noteProblem(error: unknown): void {
    this.#problem = error instanceof Error ? error.message : String(error)
  }

  notePass({ ms, clusters }: { ms: number; clusters: number }): void {
    this.#lastPass = { at: toTimestamp(this.#clock()), ms: Math.round(ms), clusters }
  }
}
