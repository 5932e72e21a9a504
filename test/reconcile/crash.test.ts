import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Reconciler } from '../../src/reconcile/loop.ts'
import { Crash, Mortal } from '../support/mortal.ts'
import { expectSettled } from '../support/invariants.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { World, type Recorded } from '../support/world.ts'

/**
 * A server stops after every step of every story; the next one finds what the one before left, in the database and
 * on the engine, and brings the story to the same end.
 */
let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

/** A world whose first server dies, and the servers after it. */
class Story {
  readonly world: World
  readonly mortal: Mortal
  #server: Reconciler

  constructor(world: World, lastStep: number | undefined) {
    this.world = world
    this.mortal = new Mortal(lastStep)
    this.#server = world.startServer({
      database: this.mortal.database(world.database),
      launcher: this.mortal.launcher(world.launcher),
    })
  }

  /** Long enough for every seat to be taken again. */
  async settle(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await this.#settleOnce()
      this.world.clock.advance(10_000)
    }
  }

  async #settleOnce(): Promise<void> {
    try {
      await this.#server.settle()
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    if (!this.mortal.isDead || this.#server === this.#successor) return
    await this.world.passLease()
    this.#successor = this.world.startServer()
    this.#server = this.#successor
    await this.#server.settle()
  }
  #successor: Reconciler | undefined

  /** The worker that sits on a seat now. */
  sitting(clusterId: number, seat: number): string {
    const found = this.world.launcher
      .of(clusterId)
      .find(({ spec, state }) => spec.role === 'worker' && spec.index === seat && state.kind !== 'ended')
    if (found === undefined) throw new Error(`nobody sits on seat ${seat}`)
    return found.spec.id
  }
}

interface Told {
  readonly name: string
  tell(story: Story): Promise<number>
  /** What is left of it. */
  readonly status: string | undefined
}

const STORIES: Told[] = [
  {
    name: 'a cluster of three workers is created',
    status: 'running: ready',
    tell: async story => {
      const id = await story.world.create({ workers: 3 })
      await story.settle()
      return id
    },
  },
  {
    name: 'a cluster is stopped',
    status: 'stopped: stopped_by_user',
    tell: async story => {
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      await story.world.lifecycle.stop(story.world.user, id)
      await story.settle()
      return id
    },
  },
  {
    name: 'a cluster is deleted',
    status: undefined,
    tell: async story => {
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      await story.world.lifecycle.delete(story.world.user, id)
      await story.settle()
      return id
    },
  },
  {
    name: 'a cluster grows',
    status: 'running: ready',
    tell: async story => {
      const id = await story.world.create()
      await story.settle()
      await story.world.lifecycle.update(story.world.user, id, { workers: 3 })
      await story.settle()
      return id
    },
  },
  {
    name: 'a cluster shrinks, and grows again',
    status: 'running: ready',
    tell: async story => {
      const id = await story.world.create({ workers: 3 })
      await story.settle()
      await story.world.lifecycle.update(story.world.user, id, { workers: 1 })
      await story.settle()
      await story.world.lifecycle.update(story.world.user, id, { workers: 2 })
      await story.settle()
      return id
    },
  },
  {
    name: 'a cluster shrinks, and grows again before anybody was gone',
    status: 'running: ready',
    tell: async story => {
      const { launcher, lifecycle, user } = story.world
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      launcher.ignoresTermination = true
      await lifecycle.update(user, id, { workers: 1 })
      await story.settle()
      await lifecycle.update(user, id, { workers: 2 })
      launcher.ignoresTermination = false
      await story.settle()
      return id
    },
  },
  {
    name: 'a worker dies, and another takes its place',
    status: 'running: ready',
    tell: async story => {
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      story.world.launcher.end(story.sitting(id, 1), { exitCode: 3 })
      await story.settle()
      return id
    },
  },
  {
    name: 'the workers of a command end well',
    status: 'stopped: completed',
    tell: async story => {
      const id = await story.world.create({ workers: 2, runtime: 'command' })
      await story.settle()
      for (const seat of [0, 1]) story.world.launcher.end(story.sitting(id, seat))
      await story.settle()
      return id
    },
  },
  {
    name: 'a scheduler dies, and its workers are replaced with it',
    status: 'running: ready',
    tell: async story => {
      const { world } = story
      const id = await world.create({ workers: 2, runtime: 'crew' })
      await story.settle()
      const scheduler = world.launcher.of(id).find(({ spec }) => spec.role === 'scheduler')
      world.launcher.end(scheduler?.spec.id ?? '', { exitCode: 1 })
      await story.settle()
      return id
    },
  },
  {
    name: 'a launch is refused, and the next one is not',
    status: 'running: ready',
    tell: async story => {
      story.world.launcher.refuseNextLaunch('not today')
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      return id
    },
  },
  {
    name: 'the answer to a launch is lost',
    status: 'running: ready',
    tell: async story => {
      story.world.launcher.failNextLaunch('all-started')
      const id = await story.world.create({ workers: 2 })
      await story.settle()
      return id
    },
  },
]

async function run(told: Told, lastStep?: number): Promise<readonly string[]> {
  const story = new Story(await World.open(server.database), lastStep)
  const id = await told.tell(story)
  const { steps } = story.mortal
  const when = lastStep === undefined ? 'nobody died' : `died with step ${lastStep} (${steps.at(-1)})`
  const recorded = await expectSettled(story.world, when)
  expect(tellCluster(recorded, id), when).toBe(told.status)
  return steps
}

function tellCluster({ clusters }: Recorded, id: number): string | undefined {
  const cluster = clusters.find(each => each.id === id)
  return cluster && `${cluster.status}: ${cluster.reason}`
}

/** Whoever stops after a step that changes nothing has stopped after the one before. */
const CHANGING = new Set(['transaction', 'launch', 'terminate'])

test.each(STORIES)(
  '$name: it comes to the same end wherever the server stops',
  async told => {
    const steps = await run(told)
    expect(steps).toEqual(expect.arrayContaining(['transaction', 'launch']))
    const last = steps.flatMap((name, step) => (CHANGING.has(name) ? [step] : []))
    for (const step of last) await run(told, step)
  },
  120_000,
)
