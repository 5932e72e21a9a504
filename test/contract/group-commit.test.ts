import { afterEach, beforeEach, expect, test } from 'vitest'
import { CommitGroup, type Outcome } from '../../src/database/group.ts'
import type { Database } from '../../src/database/database.ts'
import type { ClusterRequest } from '../../src/domain/cluster.ts'
import { IdempotencyConflict, QuotaExceeded } from '../../src/domain/errors.ts'
import type { Quota } from '../../src/domain/quota.ts'
import type { User } from '../../src/domain/user.ts'
import { Clusters } from '../../src/service/clusters.ts'
import { hashRequest, type CreatedCluster, type IdempotencyKey } from '../../src/service/creations.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.stop())

/** The database, counting the transactions that are begun. */
function count(database: Database): { database: Database; transactions: () => number } {
  let begun = 0
  const counting: Database = {
    ...database,
    transaction: work => {
      begun += 1
      return database.transaction(work)
    },
  }
  return { database: counting, transactions: () => begun }
}

const NO_QUOTA: Quota = { clusters: null, cpus: null, memory_gib: null }

function createClusters(database: Database, quota: Partial<Quota> = {}): Clusters {
  return new Clusters(database, {
    clock: server.clock.now,
    quota: { ...NO_QUOTA, ...quota },
    placement: { engine: 'none', home: 'none', reason: 'none_configured', message: 'nothing is launched' },
  })
}

async function addUser(): Promise<User> {
  const { id, username } = await server.user()
  return { id, username, isAdministrator: false }
}

function request(fields: Partial<ClusterRequest> = {}): ClusterRequest {
  return {
    ...{ cpus: 1, memory: 1, name: undefined, workers: 1, runtime: 'idle', command: null },
    ...{ environment: {}, idleTimeoutSeconds: null, lifetimeSeconds: null },
    ...fields,
  }
}

function keyFor(key: string, wanted: ClusterRequest): IdempotencyKey {
  return { key, requestHash: hashRequest(wanted) }
}

const valueOf = <Value>(result: PromiseSettledResult<Value> | undefined): Value | undefined =>
  result?.status === 'fulfilled' ? result.value : undefined
const errorOf = (result: PromiseSettledResult<unknown> | undefined): unknown =>
  result?.status === 'rejected' ? result.reason : undefined

test('many creates of one turn share one transaction, and each has an id and an event of its own', async () => {
  const user = await addUser()
  const { database, transactions } = count(server.database)
  const clusters = createClusters(database)
  const created = await Promise.all(
    Array.from({ length: 100 }, () => clusters.create(user, request(), undefined)),
  )
  expect(transactions()).toBe(1)
  const ids = created.map(({ id }) => id)
  expect(ids, 'in the order of arrival').toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  const events = await database.reads
    .selectFrom('events')
    .select(['id', 'cluster_id'])
    .orderBy('id')
    .execute()
  expect(events.map(event => event.cluster_id)).toEqual(ids)
})

test('what arrives while a commit is under way waits for the next, all of it in one', async () => {
  const user = await addUser()
  const { database, transactions } = count(server.database)
  let later: Promise<CreatedCluster>[] = []
  const slow: Database = {
    ...database,
    transaction: async work => {
      const result = await database.transaction(work)
      // They arrive turn by turn while the first commit is still on its way to the disk.
      while (later.length < 20) {
        later = [...later, clusters.create(user, request(), undefined)]
        await new Promise(resolve => setImmediate(resolve))
      }
      return result
    },
  }
  const clusters = createClusters(slow)
  await clusters.create(user, request(), undefined)
  await Promise.all(later)
  expect(transactions()).toBe(2)
})

test('a group has a bound: 600 creates of one turn are three transactions', async () => {
  const user = await addUser()
  const { database, transactions } = count(server.database)
  const clusters = createClusters(database)
  const created = await Promise.all(
    Array.from({ length: 600 }, () => clusters.create(user, request(), undefined)),
  )
  expect(transactions()).toBe(3)
  expect(new Set(created.map(({ id }) => id)).size).toBe(600)
})

test('one that the quota refuses harms neither neighbour, and what is used counts the accepted alone', async () => {
  const [user, other] = [await addUser(), await addUser()]
  const { database, transactions } = count(server.database)
  const clusters = createClusters(database, { cpus: 10 })
  const results = await Promise.allSettled([
    clusters.create(user, request({ cpus: 6 }), undefined),
    clusters.create(user, request({ cpus: 5 }), undefined),
    clusters.create(other, request({ cpus: 10 }), undefined),
    clusters.create(user, request({ cpus: 2, workers: 2 }), undefined),
    clusters.create(user, request({ cpus: 0.1 }), undefined),
  ])
  expect(transactions()).toBe(1)
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'rejected',
  ])
  expect(errorOf(results[1])).toBeInstanceOf(QuotaExceeded)
  expect((errorOf(results[1]) as QuotaExceeded).refusal).toEqual({
    ...{ limit: 'cpus', used: 6, requested: 5, allowed: 10 },
  })
  const rows = await database.reads
    .selectFrom('users')
    .select(['used_clusters', 'used_cpus'])
    .where('id', 'in', [user.id, other.id])
    .orderBy('id')
    .execute()
  expect(rows).toEqual([
    { used_clusters: 2, used_cpus: 10 },
    { used_clusters: 1, used_cpus: 10 },
  ])
  const ids = results.map(result => valueOf(result)?.id).filter(id => id !== undefined)
  expect(ids, 'a refusal takes no id').toEqual([1, 2, 3])
})

test('the same idempotency key twice in one group is one cluster, answered twice', async () => {
  const user = await addUser()
  const { database, transactions } = count(server.database)
  const clusters = createClusters(database)
  const wanted = request({ name: 'etl' })
  const answers = await Promise.all(
    [1, 2, 3].map(() => clusters.create(user, wanted, keyFor('the-key', wanted))),
  )
  expect(transactions()).toBe(1)
  expect(new Set(answers.map(({ json }) => json)).size).toBe(1)
  const rows = await database.reads.selectFrom('clusters').select('id').execute()
  expect(rows).toEqual([{ id: answers[0]?.id }])

  const later = await clusters.create(user, wanted, keyFor('the-key', wanted))
  expect(later).toEqual(answers[0])
})

test('one key with two bodies in one group: the first is created, the second told of it', async () => {
  const [user, other] = [await addUser(), await addUser()]
  const clusters = createClusters(server.database)
  const [one, another] = [request({ cpus: 1 }), request({ cpus: 2 })]
  const results = await Promise.allSettled([
    clusters.create(user, one, keyFor('the-key', one)),
    clusters.create(user, another, keyFor('the-key', another)),
    clusters.create(other, another, keyFor('the-key', another)),
  ])
  const created = valueOf(results[0])
  const conflict = errorOf(results[1])
  expect(conflict).toBeInstanceOf(IdempotencyConflict)
  expect((conflict as IdempotencyConflict).clusterId).toBe(created?.id)
  expect(valueOf(results[2])?.id, "another user's key is another key").not.toBe(created?.id)
  expect(await server.database.reads.selectFrom('clusters').select('id').execute()).toHaveLength(2)
})

test('a key whose first request the quota refused is free: a twin that fits is created', async () => {
  const user = await addUser()
  const clusters = createClusters(server.database, { cpus: 4 })
  const [large, small] = [request({ cpus: 5 }), request({ cpus: 4 })]
  const results = await Promise.allSettled([
    clusters.create(user, large, keyFor('the-key', large)),
    clusters.create(user, small, keyFor('the-key', small)),
  ])
  expect(errorOf(results[0])).toBeInstanceOf(QuotaExceeded)
  expect(valueOf(results[1])).toBeDefined()
})

/** Stores a user for each name; a name that is there already makes the database itself refuse. */
function createUserGroup(database: Database) {
  const decided: string[][] = []
  const group = new CommitGroup<string, string>(database, async (trx, names): Promise<Outcome<string>[]> => {
    decided.push([...names])
    for (const name of names.filter(each => each !== 'refused')) {
      await trx
        .insertInto('users')
        .values({
          ...{
            id: 100 + Number(name),
            username: name,
            password: '!',
            is_administrator: 0,
            disabled_at: null,
          },
          ...{ created_at: '2026-11-23T10:00:00.000Z', used_clusters: 0, used_cpus: 0, used_memory_gib: 0 },
        })
        .execute()
    }
    return names.map(name =>
      name === 'refused' ? { error: new Error('refused') } : { value: `added ${name}` },
    )
  })
  return { group, decided }
}

const listNames = async () =>
  (await server.database.reads.selectFrom('users').select('username').orderBy('id').execute()).map(
    ({ username }) => username,
  )

test('when the database refuses one of a group, that one fails alone; the others are stored once', async () => {
  const { group, decided } = createUserGroup(server.database)
  const results = await Promise.allSettled(['1', '2', '2', 'refused', '3'].map(name => group.add(name)))
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled',
  ])
  expect(errorOf(results[2]), 'the error of its own statement').toMatchObject({
    message: expect.stringMatching(/unique|duplicate/i) as unknown,
  })
  expect(errorOf(results[3])).toMatchObject({ message: 'refused' })
  expect(await listNames()).toEqual(['1', '2', '3'])
  expect(decided).toEqual([['1', '2', '2', 'refused', '3'], ['1'], ['2'], ['2'], ['refused'], ['3']])
  await expect(group.add('4'), 'and the next goes on').resolves.toBe('added 4')
})

test('a commit that fails is not tried again: it may be on disk', async () => {
  const failing: Database = {
    ...server.database,
    transaction: async work => {
      await server.database.transaction(work)
      throw new Error('the connection was lost during the commit')
    },
  }
  const { group, decided } = createUserGroup(failing)
  const results = await Promise.allSettled(['1', '2'].map(name => group.add(name)))
  for (const result of results) expect(errorOf(result)).toMatchObject({ message: /connection was lost/ })
  expect(decided).toEqual([['1', '2']])
  expect(await listNames()).toEqual(['1', '2'])
})

test('nobody is told of a cluster before the commit is over', async () => {
  const user = await addUser()
  let seen: CreatedCluster | undefined
  const watching: Database = {
    ...server.database,
    transaction: async work => {
      const result = await server.database.transaction(work)
      // On disk, and not told yet.
      expect(seen).toBeUndefined()
      return result
    },
  }
  seen = await createClusters(watching).create(user, request(), undefined)
  expect(seen.id).toBe(1)
})
