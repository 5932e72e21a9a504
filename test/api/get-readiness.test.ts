import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test.each(['/readyz', '/readyz/'])('%s tells everybody that the database answers', async path => {
  const answer = await server.nobody.get(path)
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ status: 'ok' })
})
