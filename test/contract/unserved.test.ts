import { afterAll, beforeAll, expect, test } from 'vitest'
import { UNSERVED } from '../../src/reconcile/describe.ts'
import { tellUnserved } from '../../src/reconcile/unserved.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { World } from '../support/world.ts'

/** Clusters of a home without a server, until it has one again. */
let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const tell = (world: World, home = 'local:another') => tellUnserved(server.database, home, world.clock.now())

async function read(world: World, id: number) {
  const { clusters, events } = await world.read()
  const cluster = clusters.find(each => each.id === id)
  return {
    told: [cluster?.status, cluster?.reason, cluster?.message],
    events: events
      .filter(({ cluster_id }) => cluster_id === id)
      .map(({ status, reason }) => [status, reason]),
  }
}

test('a cluster that nobody serves says so once, and goes on when it is served', async () => {
  const world = await World.open(server.database)
  const id = await world.create()
  await tell(world)
  await tell(world)
  const events = [
    ['pending', 'launching'],
    ['pending', 'engine_unreachable'],
  ]
  expect(await read(world, id)).toEqual({ told: ['pending', 'engine_unreachable', UNSERVED], events })

  await world.startServer().settle()
  expect(await read(world, id)).toEqual({
    told: ['running', 'ready', null],
    events: [...events, ['pending', 'launching'], ['running', 'ready']],
  })
})

test('one that is being stopped says so as well, keeps why, and forgets it when it is served', async () => {
  const world = await World.open(server.database)
  const id = await world.create()
  await world.startServer().settle()
  await world.lifecycle.stop(world.user, id)
  await world.passLease()
  await tell(world)
  expect((await read(world, id)).told).toEqual(['stopping', 'stopped_by_user', UNSERVED])

  await world.startServer().settle()
  const { told, events } = await read(world, id)
  expect(told).toEqual(['stopped', 'stopped_by_user', null])
  expect(events.slice(-2)).toEqual([
    ['stopping', 'stopped_by_user'],
    ['stopped', 'stopped_by_user'],
  ])
})

test('those of the home that this server serves are its own business', async () => {
  const world = await World.open(server.database)
  const id = await world.create()
  await tell(world, world.launcher.home)
  expect((await read(world, id)).told).toEqual(['pending', 'launching', null])
})
