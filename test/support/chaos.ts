import fc from 'fast-check'
import { expect } from 'vitest'
import { isLive } from '../../src/domain/cluster.ts'
import { ClusterEnded, NotFound, QuotaExceeded } from '../../src/domain/errors.ts'
import type { Quota, Use } from '../../src/domain/quota.ts'
import type { Reconciler } from '../../src/reconcile/loop.ts'
import { expectSound } from './invariants.ts'
import { Crash, Mortal } from './mortal.ts'
import type { World } from './world.ts'

/** What users, an engine and a server may do, in any order; and what must be so after each step. */

export const QUOTA = { clusters: 4, cpus: 10, memory_gib: 12 }

const anyIndex = fc.nat({ max: 20 })
export const actions = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      workers: fc.integer({ min: 1, max: 4 }),
      cpus: fc.constantFrom(0.1, 0.5, 1, 3),
      runtime: fc.constantFrom('idle', 'idle', 'command', 'crew'),
      lifetimeSeconds: fc.constantFrom(null, null, 30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'delete' as const), which: anyIndex }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      which: anyIndex,
      workers: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: anyIndex,
      exitCode: fc.constantFrom(0, 0, 1, 127, null),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('vanish' as const), which: anyIndex }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), which: anyIndex }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['refuse', 'lose the launch', 'lose the answer', 'be unreachable', 'be reachable'] as const),
        ...(['queue', 'place', 'start at once', 'ignore termination', 'terminate'] as const),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(500, 1500, 9000, 70_000, 700_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die' as const), after: fc.nat({ max: 6 }) }) },
)
type Action = typeof actions extends fc.Arbitrary<infer Value> ? Value : never

/** What its users have been told. */
export class Model {
  readonly #world: World
  /** By id: how many workers it is to have; those that are deleted are not in it. */
  readonly wanted = new Map<number, number>()
  /** Those that are not gone yet when they are deleted. */
  readonly deleted = new Set<number>()
  /** As they were when they had just ended. */
  readonly ended = new Map<number, string>()
  #server: Reconciler
  #mortal = new Mortal()
  #isDoomed = false

  constructor(world: World) {
    this.#world = world
    this.#server = world.startServer()
  }

  async do(action: Action): Promise<void> {
    const { launcher, clock } = this.#world
    switch (action.do) {
      case 'pass':
        return await this.pass()
      case 'create':
        return await this.#create(action)
      case 'stop':
      case 'delete':
      case 'resize':
        return await this.#change(action)
      case 'end':
      case 'vanish':
      case 'start':
        return this.#meddle(action)
      case 'wait':
        return clock.advance(action.ms)
      case 'die':
        return await this.#replaceServer(action.after)
      case 'refuse':
        return launcher.refuseNextLaunch('not today')
      case 'lose the launch':
        return launcher.failNextLaunch('nothing-started')
      case 'lose the answer':
        return launcher.failNextLaunch('all-started')
      case 'be unreachable':
        return launcher.beUnreachable()
      case 'be reachable':
        return launcher.beReachable()
      case 'queue':
        launcher.startsAs = () => ({ kind: 'queued', message: 'no place' })
        return
      case 'place':
        launcher.startsAs = () => ({ kind: 'placed' })
        return
      case 'start at once':
        launcher.startsAs = () => ({ kind: 'started', startedAt: clock.now() })
        return
      case 'ignore termination':
        launcher.ignoresTermination = true
        return
      case 'terminate':
        launcher.ignoresTermination = false
        return
    }
  }

  /** Passes until one changes nothing; when the server stops meanwhile, another one takes its place. */
  async pass(): Promise<void> {
    try {
      await this.#server.settle()
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    if (!this.#mortal.isDead) return
    await this.#replaceServer()
    await this.#server.settle()
  }

  /** One that is to die is not replaced before. */
  async #replaceServer(lastStep?: number): Promise<void> {
    if (lastStep !== undefined && this.#isDoomed) return
    this.#isDoomed = lastStep !== undefined
    await this.#world.passLease()
    this.#mortal = new Mortal(lastStep)
    const { database, launcher } = this.#world
    this.#server = this.#world.startServer({
      database: this.#mortal.database(database),
      launcher: this.#mortal.launcher(launcher),
    })
  }

  async #create({
    workers,
    cpus,
    runtime,
    lifetimeSeconds,
  }: Extract<Action, { do: 'create' }>): Promise<void> {
    const { used } = await this.#world.read()
    const asked = { clusters: 1, cpus: cpus * workers, memory_gib: workers }
    const id = await refusedOr(this.#world.create({ workers, cpus, runtime, lifetimeSeconds }))
    expectAnswer(id, fits(used, asked))
    if (!(id instanceof Error)) this.wanted.set(id, workers)
  }

  async #change(action: Extract<Action, { do: 'stop' | 'delete' | 'resize' }>): Promise<void> {
    const id = pick([...this.wanted.keys()], action.which)
    if (id === undefined) return
    const { lifecycle, user } = this.#world
    if (action.do === 'resize') {
      const { workers } = action
      const changed = await refusedOr(lifecycle.update(user, id, { workers }))
      if (!(changed instanceof Error)) this.wanted.set(id, workers)
    } else if (action.do === 'stop') {
      await lifecycle.stop(user, id)
    } else {
      const left = await lifecycle.delete(user, id)
      this.wanted.delete(id)
      if (left !== undefined) this.deleted.add(id)
    }
  }

  #meddle(action: Extract<Action, { do: 'end' | 'vanish' | 'start' }>): void {
    const { launcher } = this.#world
    const found = pick([...launcher.state.workers.values()], action.which)
    if (found === undefined) return
    const { id } = found.spec
    if (action.do === 'vanish') launcher.vanish(id)
    if (found.state.kind === 'ended') return
    if (action.do === 'start') launcher.start(id)
    if (action.do !== 'end') return
    launcher.end(id, action.exitCode === null ? { signal: 'SIGKILL' } : { exitCode: action.exitCode })
  }

  /** Nothing hinders anybody any more. */
  async recover(): Promise<void> {
    const { launcher, clock } = this.#world
    launcher.beReachable()
    launcher.ignoresTermination = false
    for (let round = 0; round < 8; round++) {
      launcher.startsAs = () => ({ kind: 'started', startedAt: clock.now() })
      for (const { spec, state } of launcher.state.workers.values()) {
        if (state.kind === 'queued' || state.kind === 'placed') launcher.start(spec.id)
      }
      await this.pass()
      clock.advance(20_000)
    }
  }
}

function expectAnswer(answer: number | Error, isAllowed: boolean): void {
  expect(answer instanceof Error ? answer.name : 'created').toBe(isAllowed ? 'created' : 'QuotaExceeded')
}

/** What users were told is so: every cluster is there, ends last, and what was deleted is stopping until it is gone. */
export async function expectKept(world: World, model: Model, when: string): Promise<void> {
  const { clusters, used } = await expectSound(world, when)
  expect(fits(used, { clusters: 0, cpus: 0, memory_gib: 0 }), `${when}: the quota holds`).toBe(true)
  const sizes = clusters.filter(({ id }) => !model.deleted.has(id)).map(({ id, workers }) => [id, workers])
  expect(sizes, `${when}: every cluster is there, as it was asked for`).toEqual([...model.wanted])
  for (const cluster of clusters) {
    const { id, status } = cluster
    if (model.deleted.has(id)) expect(status, `${when}: ${id} was deleted`).toBe('stopping')
    const before = model.ended.get(id)
    if (before !== undefined) expect(JSON.stringify(cluster), when).toBe(before)
    if (!isLive(status)) model.ended.set(id, JSON.stringify(cluster))
  }
}

const fits = (used: Use, asked: Use): boolean =>
  Object.entries(QUOTA).every(
    ([name, allowed]) => used[name as keyof Quota] + asked[name as keyof Quota] <= allowed + 1e-9,
  )

const pick = <Item>(items: readonly Item[], index: number): Item | undefined => items[index % items.length]

/** The errors that users may get. */
async function refusedOr<Result>(asked: Promise<Result>): Promise<Result | Error> {
  try {
    return await asked
  } catch (error) {
    const isExpected =
      error instanceof QuotaExceeded || error instanceof ClusterEnded || error instanceof NotFound
    if (!isExpected) throw error
    return error
  }
}
