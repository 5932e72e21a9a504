import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { Unavailable } from '../../src/domain/errors.ts'
import type { EngineView, Launcher } from '../../src/launchers/launcher.ts'
import { Mortal } from '../support/mortal.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { World } from '../support/world.ts'

let server: TestServer
let world: World

beforeEach(async () => {
  server = await startServer()
  world = await World.open(server.database)
})
afterEach(() => server.stop())

/** The engine answers each look only when it is told to. */
class Gate {
  readonly launcher: Launcher
  readonly #world: World
  readonly #waiting: (() => void)[] = []
  #arrived: (() => void) | undefined
  /** In milliseconds of `performance.now()`. */
  readonly looks: number[] = []

  constructor(of: World) {
    this.#world = of
    this.launcher = new Mortal().launcher(of.launcher)
    this.launcher.list = recorded => this.#list(recorded)
  }

  async #list(recorded: readonly string[]): Promise<EngineView> {
    this.looks.push(performance.now())
    await new Promise<void>(resolve => {
      this.#waiting.push(resolve)
      this.#arrived?.()
    })
    return await this.#world.launcher.list(recorded)
  }

  /** A pass is waiting for the engine. */
  async arrival(): Promise<void> {
    if (this.#waiting.length > 0) return
    await new Promise<void>(resolve => {
      this.#arrived = resolve
    })
  }

  letOne(): void {
    this.#waiting.shift()?.()
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 10))
}

const statusOf = async (id: number) => (await world.read()).clusters.find(each => each.id === id)?.status

test('two wakes during a pass make one more; then nothing until the second is over', async () => {
  const gate = new Gate(world)
  const reconciler = world.startServer({ launcher: gate.launcher })
  await reconciler.start()
  await gate.arrival()
  reconciler.wake()
  reconciler.wake()
  gate.letOne()
  await gate.arrival()
  gate.letOne()
  await gate.arrival()
  const [first = 0, second = 0, third = 0] = gate.looks
  expect(third - second, 'only the timer makes a third').toBeGreaterThan(900)
  expect(second - first, 'the second did not wait for it').toBeLessThan(third - second)
  gate.letOne()
  await reconciler.stop()
})

test('a change in the database makes a pass, so what is asked for runs without waiting for the timer', async () => {
  const reconciler = world.startServer()
  await reconciler.start()
  const id = await world.create({ workers: 2 })
  await until(async () => (await statusOf(id)) === 'running')
  await reconciler.stop()
  expect(world.errors).toEqual([])
})

test('a pass that fails is told, and tried again', async () => {
  let failures = 2
  const { database } = world
  const failing: Database = {
    ...database,
    transaction: work => {
      failures -= 1
      return failures >= 0 ? Promise.reject(new Error('the disk is full')) : database.transaction(work)
    },
  }
  const id = await world.create()
  const reconciler = world.startServer({ database: failing })
  await reconciler.start()
  await until(async () => (await statusOf(id)) === 'running')
  await reconciler.stop()
  expect(world.errors).toEqual([new Error('the disk is full'), new Error('the disk is full')])
})

test('an engine that does not end workers is told of, and asked again', async () => {
  const id = await world.create()
  const reconciler = world.startServer()
  await reconciler.settle()
  await world.lifecycle.stop(world.user, id)
  const terminate = world.launcher.terminate.bind(world.launcher)
  world.launcher.terminate = () => Promise.reject(new Error('not now'))
  await reconciler.settle()
  expect(await statusOf(id)).toBe('stopping')
  expect(world.errors).toContainEqual(new Error('not now'))
  world.launcher.terminate = terminate
  await reconciler.settle()
  await reconciler.settle()
  expect(await statusOf(id)).toBe('stopped')
})

test('stopping waits for the pass under way, makes no other, and leaves the workers alone', async () => {
  const id = await world.create()
  const gate = new Gate(world)
  const reconciler = world.startServer({ launcher: gate.launcher })
  await reconciler.start()
  await gate.arrival()
  let isStopped = false
  const stopping = reconciler.stop().then(() => {
    isStopped = true
  })
  await new Promise(resolve => setImmediate(resolve))
  expect(isStopped).toBe(false)
  gate.letOne()
  await stopping
  expect(gate.looks).toHaveLength(1)
  expect(world.launcher.of(id)).toHaveLength(1)
})

test('clusters of another home are left alone, and so are their workers', async () => {
  const other = await World.open(server.database)
  const id = await other.create()
  await other.startServer().settle()
  const before = await other.read()
  await world.startServer().settle()
  expect(await other.read()).toEqual(before)
  expect(other.launcher.of(id)).toHaveLength(1)
  expect(world.launcher.state.workers.size).toBe(0)
})

test('what nothing claims is ended, and then cleared', async () => {
  const stranger = await World.open(server.database)
  const id = await stranger.create()
  await stranger.startServer().settle()
  const [spec] = stranger.launcher.of(id).map(each => each.spec)
  if (spec === undefined) throw new Error('nothing was launched')
  await world.launcher.launch([spec])
  const reconciler = world.startServer()
  await reconciler.settle()
  expect(world.launcher.get(spec.id).state.kind).toBe('ended')
  await reconciler.settle()
  expect(world.launcher.state.workers.size).toBe(0)
})

test('the last output of a worker is kept before it is cleared, and said in its message', async () => {
  const id = await world.create({ runtime: 'command' })
  const reconciler = world.startServer()
  await reconciler.settle()
  const [worker] = world.launcher.of(id)
  if (worker === undefined) throw new Error('nothing was launched')
  worker.output = 'reading\nno such file: data.csv\n'
  world.launcher.end(worker.spec.id, { exitCode: 2 })
  await reconciler.settle()
  const { clusters } = await world.read()
  expect(clusters[0]).toMatchObject({ status: 'failed', reason: 'worker_exited' })
  expect(clusters[0]?.message).toContain('Its last output: no such file: data.csv')
  const outputs = await world.database.reads.selectFrom('outputs').selectAll().execute()
  expect(outputs.map(({ output }) => Buffer.from(output).toString())).toEqual([worker.output])
})

/** Of all workers of all clusters: how they ended, and what they printed. */
async function readEnds() {
  const { reads } = world.database
  const workers = await reads.selectFrom('workers').select(['reason', 'exit_code']).execute()
  const outputs = await reads.selectFrom('outputs').select('output').execute()
  return { workers, outputs: outputs.map(({ output }) => Buffer.from(output).toString()) }
}

test('what is decided anew, for it was stopped meanwhile, clears nobody whose end is not recorded', async () => {
  const id = await world.create({ runtime: 'command' })
  await world.startServer().settle()
  for (const { spec } of world.launcher.of(id)) world.launcher.end(spec.id, { exitCode: 3 })
  let isFirst = true
  const mortal = new Mortal(undefined, async step => {
    if (mortal.steps[step] !== 'transaction' || !isFirst) return
    isFirst = false
    await world.lifecycle.stop(world.user, id)
  })
  await world.startServer({ database: mortal.database(world.database) }).settle()
  expect(await statusOf(id)).toBe('stopped')
  expect(await readEnds()).toEqual({
    workers: [{ reason: 'worker_exited', exit_code: 3 }],
    outputs: [`worker 0 of cluster ${id}\n`],
  })
})

test('a worker whose output takes too long to read is cleared after a further try', async () => {
  const id = await world.create({ runtime: 'command' })
  const reconciler = world.startServer()
  await reconciler.settle()
  for (const { spec } of world.launcher.of(id)) world.launcher.end(spec.id, { exitCode: 3 })
  const logs = world.launcher.logs.bind(world.launcher)
  world.launcher.logs = async function* (_, { signal }) {
    await new Promise(resolve => {
      signal.addEventListener('abort', resolve)
    })
    world.launcher.logs = logs
    yield* []
  }
  await reconciler.settle()
  expect(await readEnds()).toEqual({
    workers: [{ reason: 'worker_exited', exit_code: 3 }],
    outputs: [`worker 0 of cluster ${id}\n`],
  })
})

test('what could not be recorded clears nobody either', async () => {
  const id = await world.create({ runtime: 'command' })
  await world.startServer().settle()
  for (const { spec } of world.launcher.of(id)) world.launcher.end(spec.id, { exitCode: 3 })
  let isFull = true
  const { database } = world
  const full: Database = {
    ...database,
    transaction: work =>
      isFull ? Promise.reject(new Error('the disk is full')) : database.transaction(work),
  }
  const reconciler = world.startServer({ database: full })
  await reconciler.settle()
  isFull = false
  await reconciler.settle()
  expect(world.errors).toEqual([new Error('the disk is full')])
  expect(await readEnds()).toEqual({
    workers: [{ reason: 'worker_exited', exit_code: 3 }],
    outputs: [`worker 0 of cluster ${id}\n`],
  })
})

test('what is recorded already is launched, though the database cannot be had for the rest', async () => {
  // More than one transaction records.
  await Promise.all(Array.from({ length: 160 }, () => world.create()))
  let transactions = 0
  const { database } = world
  const failing: Database = {
    ...database,
    transaction: work => {
      transactions += 1
      return transactions === 2 ? Promise.reject(new Unavailable('not now')) : database.transaction(work)
    },
  }
  const reconciler = world.startServer({ database: failing })
  await expect(reconciler.settle()).rejects.toThrow(new Unavailable('not now'))
  const { workers } = await world.read()
  expect(workers.length).toBeGreaterThan(0)
  expect(world.launcher.state.launched.map(({ id }) => id).toSorted()).toEqual(
    workers.map(({ id }) => id).toSorted(),
  )
  await reconciler.settle()
  expect(world.launcher.state.launched).toHaveLength(160)
})

test('nothing is launched before it is known what the engine can do', async () => {
  const id = await world.create()
  const reconciler = world.startServer({ facts: () => undefined })
  await reconciler.settle()
  expect(world.launcher.state.launched).toEqual([])
  expect(await statusOf(id)).toBe('pending')
})
