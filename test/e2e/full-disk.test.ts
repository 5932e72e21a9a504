import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import { hasUsers } from '../../src/database/users.ts'
import { Unavailable } from '../../src/domain/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Clusters } from '../../src/service/clusters.ts'
import { loadFixture } from '../../src/service/fixtures.ts'
import { createFolder } from '../support/spawn.ts'

const ALICE = '[{"model": "launcher.user", "pk": 1, "fields": {"username": "alice", "password": "!"}}]'

/** SQLite's own limit fails just as a full disk does. */
test('on a full disk creates are refused as unavailable, reads go on, and so do creates once there is room', async () => {
  const database = await openDatabase({ kind: 'sqlite', path: join(createFolder(), 'clusters.db') })
  await loadFixture(database, { text: ALICE, clock: systemClock })
  const clusters = new Clusters(database, {
    clock: systemClock,
    quota: { clusters: null, cpus: null, memory_gib: null },
    placement: { engine: 'none', home: 'none', reason: 'none_configured', message: '' },
  })
  const alice = { id: 1, username: 'alice', isAdministrator: false }
  const create = (command: string) =>
    clusters.create(
      alice,
      {
        ...{ cpus: 1, memory: 1, name: undefined, workers: 1, runtime: 'command', command: [command] },
        ...{ environment: {}, idleTimeoutSeconds: null, lifetimeSeconds: null },
      },
      undefined,
    )
  const limitPages = (count: number) =>
    database.transaction(trx => sql`pragma max_page_count = ${sql.lit(count)}`.execute(trx))
  const { id } = await create('true')

  // No less than there are already.
  await limitPages(1)
  const large = 'x'.repeat(60_000)
  const refused = await Promise.allSettled([create(large), create(large)])
  expect(refused.map(each => (each.status === 'rejected' ? (each.reason as unknown) : each.value))).toEqual([
    expect.any(Unavailable),
    expect.any(Unavailable),
  ])
  expect(await hasUsers(database.reads)).toBe(true)
  expect(JSON.parse(await clusters.get(alice, id))).toMatchObject({ id })

  await limitPages(1_000_000)
  const after = await create(large)
  expect(
    JSON.parse(
      (await clusters.list(alice, { status: undefined, name: undefined, before: 100, limit: 10 })).json,
    ),
  ).toEqual([expect.objectContaining({ id: after.id }), expect.objectContaining({ id })])
  await database.close()
})
