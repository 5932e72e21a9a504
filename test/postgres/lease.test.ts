import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Launcher } from '../../src/launchers/launcher.ts'
import { LeaseLost } from '../../src/reconcile/apply.ts'
import { Mortal } from '../support/mortal.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { CREW, World } from '../support/world.ts'

let server: TestServer
let world: World

beforeEach(async () => {
  server = await startServer()
  world = await World.open(server.database)
})
afterEach(() => server.stop())

/** The engine as one of several servers sees it, with the number of its looks. */
function count(): { launcher: Launcher; looks: () => number } {
  const mortal = new Mortal()
  return {
    launcher: mortal.launcher(world.launcher),
    looks: () => mortal.steps.filter(name => name === 'list').length,
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 20))
}

const isRunning = async (id: number) =>
  (await world.read()).clusters.some(each => each.id === id && each.status === 'running')

test('of two servers one makes the passes; the other begins as soon as that one has stopped', async () => {
  const [one, other] = [count(), count()]
  const first = world.startServer({ launcher: one.launcher })
  const second = world.startServer({ launcher: other.launcher })
  await first.start()
  await second.start()
  const id = await world.create({ workers: 3 })
  await until(() => isRunning(id))
  expect(other.looks()).toBe(0)
  await first.stop()
  const before = one.looks()
  const later = await world.create()
  await until(() => isRunning(later))
  expect(one.looks()).toBe(before)
  expect(other.looks()).toBeGreaterThan(0)
  await second.stop()
  expect(world.launcher.state.launched).toHaveLength(4)
})

test('the lease of a server that stopped without a word runs out, and the other takes over', async () => {
  const { database } = world
  let isGone = false
  const cut = <Result>(work: () => Promise<Result>): Promise<Result> =>
    isGone ? Promise.reject(new Error('the network is down')) : work()
  const cutOff: Database = {
    ...database,
    transaction: work => cut(() => database.transaction(work)),
    read: (text, parameters) => cut(() => database.read(text, parameters)),
  }
  const first = world.startServer({ database: cutOff })
  await first.start()
  const id = await world.create()
  await until(() => isRunning(id))
  isGone = true
  const { rows } = await sql<{
    left: number
  }>`select extract(epoch from expires_at - clock_timestamp())::float8
    as left from leases where home = ${world.launcher.home}`.execute(database.reads)
  expect(rows[0]?.left).toBeLessThanOrEqual(6)
  const second = world.startServer()
  await second.start()
  const later = await world.create({ workers: 2 })
  await until(() => isRunning(later))
  await second.stop()
  await first.stop()
  expect(world.launcher.state.launched).toHaveLength(3)
})

test('a server that has lost its lease records nothing more, and launches nothing', async () => {
  const first = world.startServer()
  await first.settle()
  await world.database.transaction(trx =>
    trx.updateTable('leases').set({ holder: 'another' }).where('home', '=', world.launcher.home).execute(),
  )
  const id = await world.create()
  await expect(first.settle()).rejects.toThrow(LeaseLost)
  const { clusters, workers, events } = await world.read()
  expect(clusters).toMatchObject([{ id, status: 'pending' }])
  expect(workers).toEqual([])
  expect(events).toHaveLength(1)
  expect(world.launcher.state.launched).toEqual([])
})

test('a server that has lost its lease asks no schedulers any more', async () => {
  let requests = 0
  const scheduler = createServer((_, response) => {
    requests += 1
    response.end('{"workers": 0}')
  })
  await new Promise<void>(resolve => scheduler.listen(0, '127.0.0.1', resolve))
  const { port } = scheduler.address() as AddressInfo
  const readiness = { url: `http://127.0.0.1:${port}/`, count: 'workers' }
  const reconciler = world.startServer({ runtimes: new Map([['crew', { ...CREW, readiness }]]) })
  await reconciler.start()
  await world.create({ runtime: 'crew' })
  await until(() => requests > 3)
  await world.database.transaction(trx =>
    trx
      .updateTable('leases')
      .set({ holder: 'another', expires_at: sql<string>`clock_timestamp() + interval '1 hour'` })
      .where('home', '=', world.launcher.home)
      .execute(),
  )
  // It asks once a second, as long as it asks.
  let before: number
  do {
    before = requests
    await new Promise(resolve => setTimeout(resolve, 2500))
  } while (requests > before)
  expect(requests).toBe(before)
  await reconciler.stop()
  scheduler.close()
})

test('each home has a lease of its own', async () => {
  const other = await World.open(server.database)
  const [here, there] = [world.startServer(), other.startServer()]
  const [id, otherId] = [await world.create(), await other.create()]
  await here.settle()
  await there.settle()
  expect(world.launcher.of(id)).toHaveLength(1)
  expect(other.launcher.of(otherId)).toHaveLength(1)
})
