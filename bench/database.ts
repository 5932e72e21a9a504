import { join } from 'node:path'
import { openDatabase } from '../src/database/open.ts'
import { SqliteConnection } from '../src/database/sqlite.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Clusters } from '../src/service/clusters.ts'
import { Creations } from '../src/service/creations.ts'
import { loadFixture } from '../src/service/fixtures.ts'
import { median } from './compare.ts'

/** Gives alice so many clusters that have been stopped, straight in the file. */
export function fillDatabase(folder: string, count: number): void {
  const connection = new SqliteConnection(join(folder, 'clusters.db'))
  connection.exec(`
    begin immediate;
    insert into clusters (id, creator_id, name, cpus, memory, workers, runtime, environment, status, reason,
      engine, home, created_at, ended_at)
    with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count})
    select n, 1, 'cluster-' || n, 10, 10, 1, 'idle', '{}', 'stopped', 'completed', 'none', 'none',
      strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now') from numbers;
    update counters set last_cluster_id = ${count};
    commit`)
  connection.close()
}

/**
 * One create after the other: the time in the group to that in a transaction of its own, the median of the
 * rounds' ratios.
 */
export async function measureAlone(folder: string, rounds: number): Promise<number> {
  const database = await openDatabase({ kind: 'sqlite', path: join(folder, 'clusters.db') })
  const text = '[{"model": "launcher.user", "pk": 1, "fields": {"username": "alice", "password": "!"}}]'
  await loadFixture(database, { text, clock: systemClock })
  const quota = { clusters: null, cpus: null, memory_gib: null }
  const placement = { engine: 'none', home: 'none', reason: 'none_configured', message: '' } as const
  const options = { clock: systemClock, quota, placement }
  const clusters = new Clusters(database, options)
  const creations = new Creations(database, options)
  const user = { id: 1, username: 'alice', isAdministrator: false }
  const request = {
    cpus: 10,
    memory: 10,
    name: undefined,
    workers: 1,
    runtime: 'idle',
    command: null,
    environment: {},
    idleTimeoutSeconds: null,
    lifetimeSeconds: null,
  }
  const creation = { user, request, idempotencyKey: undefined }
  const ratios: number[] = []
  for (let round = 0; round < rounds * 2; round++) {
    const grouped = await time(() => clusters.create(user, request, undefined))
    const alone = await time(() => database.transaction(trx => creations.answerAll(trx, [creation])))
    ratios.push(grouped / alone)
  }
  await database.close()
  return median(ratios)
}

const CREATES = 500

async function time(create: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (let count = 0; count < CREATES; count++) await create()
  return (performance.now() - startedAt) / CREATES
}
