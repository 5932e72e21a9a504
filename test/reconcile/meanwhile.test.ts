import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSettled } from '../support/invariants.ts'
import { Mortal } from '../support/mortal.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { World } from '../support/world.ts'

/** A user acts between any two steps of the passes; what a pass had planned before gives way. */
let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

type Act = (world: World, id: number) => Promise<unknown>

/** A cluster comes, loses a worker, and gets another one. `step` is when the user acts, if at all. */
async function tell(
  act: Act,
  step: number | undefined,
): Promise<{ steps: number; told: string | undefined }> {
  const world = await World.open(server.database)
  const id = await world.create({ workers: 2 })
  const mortal = new Mortal(undefined, async index => {
    if (index === step) await act(world, id)
  })
  const reconciler = world.startServer({
    database: mortal.database(world.database),
    launcher: mortal.launcher(world.launcher),
  })
  const settle = async () => {
    for (let round = 0; round < 3; round++) {
      await reconciler.settle()
      world.clock.advance(10_000)
    }
  }
  await settle()
  const [worker] = world.launcher.of(id)
  if (worker !== undefined) world.launcher.end(worker.spec.id, { exitCode: 3 })
  await settle()
  const steps = mortal.steps.length
  await settle()
  const { clusters } = await expectSettled(world, `the user acted before step ${step}`)
  const cluster = clusters.find(each => each.id === id)
  return { steps, told: cluster && `${cluster.status}: ${cluster.workers}` }
}

const ACTS: [name: string, act: Act, told: string | undefined][] = [
  ['stops it', (world, id) => world.lifecycle.stop(world.user, id), 'stopped: 2'],
  ['deletes it', (world, id) => world.lifecycle.delete(world.user, id), undefined],
  ['lets it grow', (world, id) => world.lifecycle.update(world.user, id, { workers: 4 }), 'running: 4'],
  ['lets it shrink', (world, id) => world.lifecycle.update(world.user, id, { workers: 1 }), 'running: 1'],
]

test.each(ACTS)(
  'whenever its user %s, it comes to the end that was asked for',
  async (_, act, expected) => {
    const { steps } = await tell(act, undefined)
    expect(steps).toBeGreaterThan(10)
    for (let step = 0; step < steps; step++) {
      const { told } = await tell(act, step)
      expect(told, `the user acted before step ${step}`).toBe(expected)
    }
  },
  120_000,
)
