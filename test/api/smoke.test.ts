import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/start-server.ts'
let server: TestServer
beforeAll(async () => { server = await startServer() })
afterAll(() => server.stop())
test('create and get', async () => {
  const alice = await server.user()
  const c = await alice.createCluster({ cpus: 0.1234567890123456, environment: { A: 'b' } })
  expect(c.cpus).toBe(0.1234567890123456)
  expect((await alice.get(`/clusters/${c.id}`)).body).toEqual(c)
  expect((await alice.get(`/clusters/`)).body).toEqual([c])
  expect((await alice.delete(`/clusters/${c.id}`)).status).toBe(204)
})
