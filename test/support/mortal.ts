import type { Database } from '../../src/database/database.ts'
import type {
  EngineFacts,
  EngineView,
  Handle,
  Launcher,
  LaunchOutcome,
  LogOptions,
  WorkerSpec,
} from '../../src/launchers/launcher.ts'

/** A server's process has ended. */
export class Crash extends Error {
  override readonly name = 'Crash'
}

/**
 * A process that ends with a step of its choice: a transaction, or a call to the engine. The step is done, but the
 * process does not hear of it, and does nothing more. That is also the end just before the step after it.
 */
export class Mortal {
  /** What it has done, in order. */
  readonly steps: string[] = []
  isDead = false
  readonly #lastStep: number | undefined
  readonly #beforeStep: ((step: number) => Promise<void>) | undefined

  /** Steps are counted from 0; `beforeStep` is what others do just before one. */
  constructor(lastStep?: number, beforeStep?: (step: number) => Promise<void>) {
    this.#lastStep = lastStep
    this.#beforeStep = beforeStep
  }

  async step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    if (this.isDead) throw new Crash()
    const index = this.steps.push(name) - 1
    await this.#beforeStep?.(index)
    const result = await work()
    if (index !== this.#lastStep) return result
    this.isDead = true
    throw new Crash()
  }

  database(database: Database): Database {
    return {
      ...database,
      transaction: work => this.step('transaction', () => database.transaction(work)),
      read: (text, parameters) =>
        this.isDead ? Promise.reject(new Crash()) : database.read(text, parameters),
    }
  }

  launcher(launcher: Launcher): Launcher {
    return new MortalLauncher(this, launcher)
  }
}

class MortalLauncher implements Launcher {
  readonly #mortal: Mortal
  readonly #launcher: Launcher

  constructor(mortal: Mortal, launcher: Launcher) {
    this.#mortal = mortal
    this.#launcher = launcher
  }

  get engine(): string {
    return this.#launcher.engine
  }
  get home(): string {
    return this.#launcher.home
  }
  get givesWholeCpus(): boolean {
    return this.#launcher.givesWholeCpus
  }
  get listenHost(): string {
    return this.#launcher.listenHost
  }

  describe(): Promise<EngineFacts> {
    return this.#launcher.describe()
  }

  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchOutcome[]> {
    return this.#mortal.step('launch', () => this.#launcher.launch(workers))
  }

  list(recorded: readonly string[]): Promise<EngineView> {
    return this.#mortal.step('list', () => this.#launcher.list(recorded))
  }

  terminate(handles: readonly Handle[]): Promise<void> {
    return this.#mortal.step('terminate', () => this.#launcher.terminate(handles))
  }

  async *logs(worker: string, options: LogOptions): AsyncGenerator<Uint8Array> {
    await this.#mortal.step('logs', () => Promise.resolve())
    yield* this.#launcher.logs(worker, options)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
