import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../database/database.ts'
import type { Runtime } from '../domain/runtime.ts'
import type { WorkerId } from '../domain/worker.ts'
import type { EngineFacts, Handle, Launcher, WorkerSpec } from '../launchers/launcher.ts'
import { toTimestamp, type Clock } from '../lib/clock.ts'
import { leaveOut, LeaseLost, record, recordRefusals, type RecordedLaunch } from './apply.ts'
import { getCredentials } from './credentials.ts'
import { LeaseHolder } from './lease-holder.ts'
import { OutputReader } from './outputs.ts'
import { pausesAfter } from './pauses.ts'
import { planInSteps, type Plan } from './plan.ts'
import { Prober } from './probe.ts'
import { Sampler } from './sampler.ts'
import { LiveRows, takeSnapshot, type Snapshot } from './snapshot.ts'
import { buildSpec } from './spec.ts'

export interface ReconcilerOptions {
  readonly database: Database
  readonly launcher: Launcher
  readonly runtimes: ReadonlyMap<string, Runtime>
  /** The engine's last word on itself; `undefined` while there is none. */
  readonly facts: () => EngineFacts | undefined
  readonly clock: Clock
  readonly onPass: (pass: { readonly ms: number; readonly clusters: number }) => void
  readonly onError: (message: string, error: unknown) => void
}

interface Pass {
  /** Something was recorded, so another pass may find more to do. */
  readonly isChange: boolean
  readonly nextAtMs: number | undefined
}

/**
 * Makes what runs match what is recorded. A pass takes no input: whatever woke it, it looks at everything, so that
 * there is no quick path that knows what has changed, and no rare one that does not.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #lease: LeaseHolder
  readonly #prober: Prober
  readonly #outputs = new OutputReader()
  readonly #rows: LiveRows
  readonly #sampler: Sampler
  /** Two wakes during a pass make one more. */
  #isWoken = false
  #wakeUp: (() => void) | undefined
  #isStopped = false
  /** What the calls to the engine took of the pass. */
  #engineMs = 0
  #running: Promise<void> = Promise.resolve()
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReconcilerOptions) {
    this.#options = options
    const { database, launcher, clock, onError } = options
    const wake = () => {
      this.wake()
    }
    this.#prober = new Prober({ clock, onChange: wake })
    this.#rows = new LiveRows(database, launcher.home)
    this.#sampler = new Sampler(database)
    this.#lease = new LeaseHolder(database, {
      home: launcher.home,
      onTaken: wake,
      onError: error => {
        onError('the lease was not renewed', error)
      },
    })
  }

  wake(): void {
    this.#isWoken = true
    if (this.#lease.isHeld) this.#options.launcher.warmUp?.()
    this.#wakeUp?.()
  }

  /** Passes by itself until it is stopped. */
  async start(): Promise<void> {
    const unsubscribe = this.#options.database.onChange(() => {
      this.wake()
    })
    await this.#lease.start()
    this.#running = this.#run().finally(unsubscribe)
  }

  /** Passes until one changes nothing, whatever the clock says. */
  async settle(): Promise<void> {
    await this.#lease.take()
    for (;;) {
      const { isChange } = await this.#passInTurn()
      if (!isChange) return
    }
  }

  /** Waits for the pass under way. The workers go on. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#wakeUp?.()
    await this.#running
    await this.#last.catch(() => undefined)
    this.#prober.close()
    await this.#lease.stop()
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#isStopped) {
      const startedAt = performance.now()
      const cpuBefore = process.cpuUsage()
      this.#isWoken = false
      this.#engineMs = 0
      let nextAtMs: number | undefined
      try {
        if (this.#lease.isHeld) ({ nextAtMs } = await this.#passInTurn())
        // Whoever has the lease asks the schedulers.
        else this.#prober.close()
        failures = 0
      } catch (error) {
        if (!(error instanceof LeaseLost)) this.#options.onError('a pass failed; it is tried again', error)
        failures += 1
      }
      const ms = performance.now() - startedAt
      const { user, system } = process.cpuUsage(cpuBefore)
      const cpuMs = (user + system) / 1000
      const { restMs, waitMs } = pausesAfter({ ms, engineMs: this.#engineMs, cpuMs, failures })
      await this.#rest(restMs)
      await this.#waitForWake(waitMs, nextAtMs)
    }
  }

  async #rest(ms: number): Promise<void> {
    if (ms === 0 || this.#isStopped) return
    const stopped = new AbortController()
    this.#wakeUp = () => {
      if (this.#isStopped) stopped.abort()
    }
    await sleep(ms, undefined, { signal: stopped.signal }).catch(() => undefined)
    this.#wakeUp = undefined
  }

  async #waitForWake(ms: number, nextAtMs: number | undefined): Promise<void> {
    if (this.#isWoken || this.#isStopped) return
    const dueMs = nextAtMs === undefined ? ms : nextAtMs - this.#options.clock().getTime()
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, Math.max(0, Math.min(ms, dueMs)))
      this.#wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wakeUp = undefined
  }

  /** One at a time, whoever asks for it. */
  #passInTurn(): Promise<Pass> {
    const pass = this.#last.then(() => this.#pass())
    this.#last = pass.catch(() => undefined)
    return pass
  }

  async #pass(): Promise<Pass> {
    const { launcher, runtimes, facts, clock, onPass, onError } = this.#options
    const startedAt = performance.now()
    const known = facts()
    const engine = {
      list: (recorded: readonly WorkerId[]) => this.#timed(launcher.list(recorded)),
    }
    const snapshot = await takeSnapshot(this.#rows, engine, {
      runtimes,
      probes: this.#prober.results,
      capacity: known === undefined ? 'unknown' : known.capacity,
      givesWholeCpus: launcher.givesWholeCpus,
      clock,
    })
    this.#prober.follow(snapshot.clusters, snapshot.look, runtimes)
    const planned = await planInTurns(snapshot)
    const isChange = await this.#apply(planned, snapshot)
    await this.#sampler.sample(snapshot).catch((error: unknown) => {
      onError('what the clusters use was not kept; the next sample is due in a minute', error)
    })
    onPass({ ms: performance.now() - startedAt, clusters: snapshot.clusters.length })
    return { isChange, nextAtMs: planned.nextAtMs }
  }

  /** Keeps outputs, records, and only then touches the engine. */
  async #apply({ steps, terminations }: Plan, snapshot: Snapshot): Promise<boolean> {
    const { database, launcher, clock, onError } = this.#options
    if (steps.length === 0) {
      await this.#terminate([...terminations.values()])
      return false
    }
    const ended = steps.flatMap(step => step.outputs)
    const { kept, unread } = await this.#timed(this.#outputs.read(launcher, ended))
    const recordable = unread.size === 0 ? steps : steps.map(step => leaveOut(step, unread))
    const recorded = await record(database, recordable, {
      outputs: kept,
      lease: this.#lease,
      clock,
      onError,
    })
    if (recorded.isChange) database.announceChange()
    const { failure } = recorded
    // Once another server may have the lease, it launches others in their place.
    if (failure === undefined || this.#lease.isHeld) await this.#launch(recorded.launches, snapshot)
    if (failure !== undefined) throw failure
    // The engine forgets whom it clears: how it ended has to be recorded before.
    const skipped = recorded.skipped.flatMap(({ closings }) => closings.map(({ id }) => id))
    const unrecorded = new Set([...unread, ...skipped])
    await this.#terminate([...terminations].flatMap(([id, handle]) => (unrecorded.has(id) ? [] : [handle])))
    return recorded.isChange
  }

  async #terminate(handles: readonly Handle[]): Promise<void> {
    if (handles.length === 0) return
    const { launcher, onError } = this.#options
    await this.#timed(launcher.terminate(handles)).catch((error: unknown) => {
      onError('the engine did not end workers; it is asked again', error)
    })
  }

  /** What the engine is asked: the time that takes is not this process' own. */
  async #timed<Result>(call: Promise<Result>): Promise<Result> {
    const startedAt = performance.now()
    try {
      return await call
    } finally {
      this.#engineMs += performance.now() - startedAt
    }
  }

  /** By cluster, of those whose runtime has any; they are recorded before anybody has them. */
  async #getCredentials(launches: readonly RecordedLaunch[]): Promise<ReadonlyMap<number, string>> {
    const { database, runtimes, clock } = this.#options
    const credentials = new Map<number, string>()
    for (const { cluster } of launches) {
      if (credentials.has(cluster.id) || runtimes.get(cluster.runtime)?.credentials === undefined) continue
      credentials.set(cluster.id, await getCredentials(database, cluster.id, clock))
    }
    return credentials
  }

  async #launch(launches: readonly RecordedLaunch[], snapshot: Snapshot): Promise<void> {
    if (launches.length === 0) return
    const { database, launcher, clock, onError } = this.#options
    try {
      const credentials = await this.#getCredentials(launches)
      const specs = launches.map(launch =>
        toSpec(launch, snapshot, {
          listenHost: launcher.listenHost,
          credentials: credentials.get(launch.cluster.id),
        }),
      )
      const outcomes = await this.#timed(launcher.launch(specs))
      const refusals = launches.flatMap(({ worker }, index) => {
        const outcome = outcomes[index]
        return outcome?.kind === 'refused' ? [{ worker, message: outcome.message }] : []
      })
      await recordRefusals(database, refusals, toTimestamp(clock()))
    } catch (error) {
      // Any of them may have started: the next look tells.
      onError('the engine did not say what it launched; it is asked', error)
    }
  }
}

/** Requests of others come between. */
async function planInTurns(snapshot: Snapshot): Promise<Plan> {
  const steps = planInSteps(snapshot)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await nextTurn()
  }
}

function toSpec(
  { worker, cluster }: RecordedLaunch,
  snapshot: Snapshot,
  around: { readonly listenHost: string; readonly credentials: string | undefined },
): WorkerSpec {
  const runtime = snapshot.runtimes.get(cluster.runtime)
  if (runtime === undefined) throw new Error(`a launch was planned for the runtime ${cluster.runtime}`)
  const { schedulerId } = worker
  const address =
    schedulerId === null || snapshot.look.kind === 'unreachable'
      ? undefined
      : snapshot.look.workers.get(schedulerId)?.address
  const scheduler =
    schedulerId === null || address === undefined || address === null
      ? undefined
      : { id: schedulerId, address }
  const command = cluster.command === null ? null : parseCommand(cluster.command)
  const environment = parseEnvironment(cluster.environment)
  return buildSpec({ ...cluster, command, environment }, runtime, worker, { ...around, scheduler })
}

function parseCommand(text: string): string[] {
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) throw new Error('a stored command is no array')
  return parsed.map(String)
}

function parseEnvironment(text: string): Record<string, string> {
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null) throw new Error('a stored environment is no object')
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
}
