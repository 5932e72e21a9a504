import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer({
    settings: { CLUSTERS_QUOTA_CPUS: '64.5', CLUSTERS_QUOTA_MEMORY_GIB: 'unlimited' },
  })
})
afterAll(() => server.stop())

test('tells who I am, my quota, and that I use nothing yet', async () => {
  const alice = await server.user({ username: 'alice' })
  for (const path of ['/users/me', '/users/me/']) {
    const answer = await alice.get(path)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      id: alice.id,
      username: 'alice',
      is_administrator: false,
      quota: { clusters: null, cpus: 64.5, memory_gib: null },
      used: { clusters: 0, cpus: 0, memory_gib: 0 },
    })
  }
})

test('tells an administrator that they are one', async () => {
  const administrator = await server.user({ isAdministrator: true })
  expect((await administrator.get('/users/me')).body).toMatchObject({ is_administrator: true })
})

test('counts my live clusters over all their workers, and nobody else’s', async () => {
  const [alice, betty] = [await server.user(), await server.user()]
  const { id } = await alice.createCluster({ cpus: 0.1, memory: 0.5, workers: 3 })
  await alice.createCluster({ cpus: 2, memory: 4 })
  await betty.createCluster()
  expect((await alice.get('/users/me')).body).toMatchObject({
    used: { clusters: 2, cpus: 2.3, memory_gib: 5.5 },
  })
  await alice.delete(`/clusters/${id}`)
  expect((await alice.get('/users/me')).body).toMatchObject({ used: { clusters: 1, cpus: 2, memory_gib: 4 } })
})

test('never tells a password', async () => {
  const alice = await server.user()
  expect((await alice.get('/users/me')).text).not.toMatch(/password|argon2/)
})

test('refuses unknown parameters', async () => {
  const alice = await server.user()
  expect(errorsOf(await alice.get('/users/me?id=2'))).toEqual({ id: ['is not a known parameter'] })
})
