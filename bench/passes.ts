import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { openDatabase } from '../src/database/open.ts'
import { SqliteConnection } from '../src/database/sqlite.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Reconciler } from '../src/reconcile/loop.ts'
import { collectRuntimes, DEFAULT_PORT_RANGE } from '../src/runtimes.ts'
import { loadFixture } from '../src/service/fixtures.ts'
import { FakeLauncher } from '../test/support/fake-launcher.ts'
import { median } from './compare.ts'
import { makeFolder } from './processes.ts'

/**
 * A process of its own, for its memory is measured: `passes.ts COUNT [share]` makes a database with so many running
 * clusters and an engine that runs their workers, and prints what the loop costs while nothing happens.
 */

export interface PassFigures {
  /** CPU time of a pass, in milliseconds, median. */
  readonly cpuMs: number
  /** The longest time that nobody else got the event loop during a pass, in milliseconds, median. */
  readonly blockedMs: number
  /** Of one core, from the end of a pass that nothing asked for to the end of the next one; `null`: not measured. */
  readonly share: number | null
  /** What the passes added to the process, in MB. */
  readonly memoryMb: number
}

const PASSES = 9
/** Passes that come after a rest, and those are long. */
const RESTED_PASSES = 3

async function fill(folder: string, count: number, launcher: FakeLauncher): Promise<void> {
  const location = { kind: 'sqlite', path: join(folder, 'clusters.db') } as const
  const database = await openDatabase(location)
  const text = '[{"model": "launcher.user", "pk": 1, "fields": {"username": "alice", "password": "!"}}]'
  await loadFixture(database, { text, clock: systemClock })
  await database.close()
  const connection = new SqliteConnection(location.path)
  const now = `strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`
  connection.exec(`
    begin immediate;
    insert into clusters (id, creator_id, name, cpus, memory, workers, runtime, environment, status, reason,
      engine, home, ready_workers, created_at, started_at, ready_at)
    with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count})
    select n, 1, 'cluster-' || n, 1, 1, 1, 'idle', '{}', 'running', 'ready', 'fake', '${launcher.home}', 1,
      ${now}, ${now}, ${now} from numbers;
    insert into workers (id, cluster_id, creator_id, role, seat, status, is_latest, attempt, cpus, memory, node,
      address, created_at, started_at)
    select 'worker' || id, id, 1, 'worker', 0, 'started', 1, 1, 1, 1, 'fake-node', '127.0.0.1', ${now}, ${now}
      from clusters;
    update counters set last_cluster_id = ${count};
    commit`)
  connection.close()
  await launcher.launch(
    Array.from({ length: count }, (_, index) => ({
      id: `worker${index + 1}`,
      clusterId: index + 1,
      role: 'worker' as const,
      index: 0,
      size: { cpus: 1, memory: 1 },
      runtime: 'idle',
      lifetimeSeconds: null,
      files: {},
      command: [],
      environment: {},
    })),
  )
}

async function measure(count: number, withShare: boolean): Promise<PassFigures> {
  const passes = new EventEmitter()
  const folder = makeFolder()
  const launcher = new FakeLauncher()
  await fill(folder.path, count, launcher)
  const database = await openDatabase({ kind: 'sqlite', path: join(folder.path, 'clusters.db') })
  const facts = await launcher.describe()
  const reconciler = new Reconciler({
    database,
    launcher,
    runtimes: collectRuntimes({
      daskPython: 'python3',
      own: [],
      portRange: DEFAULT_PORT_RANGE,
      overNetwork: false,
    }),
    facts: () => facts,
    clock: systemClock,
    onPass: () => {
      passes.emit('end')
    },
    onError: (message, error) => {
      throw new Error(message, { cause: error })
    },
  })
  const before = process.memoryUsage().rss
  const cpu: number[] = []
  const blocked: number[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    const delays = watchDelays()
    const startedAt = process.cpuUsage()
    await reconciler.settle()
    const used = process.cpuUsage(startedAt)
    cpu.push((used.user + used.system) / 1000)
    blocked.push(delays.stop())
  }
  const memoryMb = (process.memoryUsage().rss - before) / 1024 ** 2
  const share = withShare ? await measureShare(reconciler, passes) : null
  await database.close()
  folder.remove()
  return { cpuMs: median(cpu), blockedMs: median(blocked), share, memoryMb }
}

/**
 * From pass to pass: with its rest, which is in proportion to it. The first one follows upon others, so it costs a part
 * of one that comes after a rest, and says nothing of those.
 */
async function measureShare(reconciler: Reconciler, passes: EventEmitter): Promise<number> {
  const first = once(passes, 'end')
  await reconciler.start()
  await first
  await once(passes, 'end')
  const [startedAt, before] = [performance.now(), process.cpuUsage()]
  for (let pass = 0; pass < RESTED_PASSES; pass++) await once(passes, 'end')
  const used = process.cpuUsage(before)
  const share = (used.user + used.system) / 1000 / (performance.now() - startedAt)
  await reconciler.stop()
  return share
}

/** How long the event loop let a timer wait at most. */
function watchDelays(): { stop(): number } {
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last - 1)
    last = now
  }, 1)
  return {
    stop() {
      clearInterval(timer)
      return Math.max(longest, performance.now() - last - 1)
    },
  }
}

process.stdout.write(JSON.stringify(await measure(Number(process.argv[2]), process.argv[3] === 'share')))
