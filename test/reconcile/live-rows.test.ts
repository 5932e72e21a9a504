import { afterEach, beforeEach, expect, test } from 'vitest'
import { LiveRows } from '../../src/reconcile/snapshot.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { World } from '../support/world.ts'

let server: TestServer
let world: World
let rows: LiveRows

beforeEach(async () => {
  server = await startServer()
  world = await World.open(server.database)
  rows = new LiveRows(world.database, world.launcher.home)
})
afterEach(() => server.stop())

test('every change is seen by the next look, whoever made it', async () => {
  const reconciler = world.startServer()
  expect(await rows.listClusters()).toEqual([])

  const id = await world.create({ workers: 2 })
  expect(await rows.listClusters()).toMatchObject([{ id, workers: 2, status: 'pending', seats: [] }])
  expect(await rows.listUnendedIds()).toEqual([])

  await reconciler.settle()
  const [cluster] = await rows.listClusters()
  expect(cluster).toMatchObject({
    id,
    status: 'running',
    seats: [{ status: 'started' }, { status: 'started' }],
  })
  expect(await rows.listUnendedIds()).toHaveLength(2)
  await reconciler.stop()
})

test('a database that can tell that nothing was written is not asked again', async () => {
  await world.create()
  const first = await rows.listClusters()
  const isSame = (await rows.listClusters()) === first
  // Other files' servers write to the same PostgreSQL, which cannot tell either.
  expect(isSame).toBe(server.database.dialect === 'sqlite')
})
