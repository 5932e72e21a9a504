import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { actions, expectKept, Model, QUOTA } from '../support/chaos.ts'
import { expectSettled } from '../support/invariants.ts'
import { startServer, testDatabase, type TestServer } from '../support/start-server.ts'
import { World } from '../support/world.ts'

/** Users, an engine and a server do whatever comes to their minds; what is promised holds after each step. */
let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test('whatever happens, nothing is lost, nothing runs twice, and in the end what runs is what is recorded', async () => {
  const runs = testDatabase() === 'sqlite' ? 60 : 20
  await fc.assert(
    fc.asyncProperty(fc.array(actions, { minLength: 10, maxLength: 60, size: 'max' }), async story => {
      const world = await World.open(server.database, QUOTA)
      const model = new Model(world)
      for (const [index, action] of story.entries()) {
        await model.do(action)
        await expectKept(world, model, `after step ${index} (${JSON.stringify(action)})`)
      }
      await model.recover()
      await expectKept(world, model, 'at the end')
      await expectSettled(world, 'at the end')
    }),
    { numRuns: runs, seed: 7 },
  )
}, 600_000)
