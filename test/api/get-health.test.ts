import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test.each(['/healthz', '/healthz/'])('%s tells everybody that the process answers', async path => {
  const answer = await server.nobody.get(path)
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ status: 'ok' })
})

test('HEAD answers as a probe may ask', async () => {
  expect((await server.nobody.call('HEAD', '/healthz')).status).toBe(200)
})

test('takes a token that is not valid for none: it is open', async () => {
  const answer = await server.nobody.get('/healthz', { headers: { authorization: 'Token nonsense' } })
  expect(answer.status).toBe(200)
})

test('refuses unknown parameters', async () => {
  expect(errorsOf(await server.nobody.get('/healthz?verbose'))).toEqual({
    verbose: ['is not a known parameter'],
  })
})

test('answers 400 to a query that cannot be decoded: the address is there, and open', async () => {
  expect((await server.nobody.get('/healthz?verbose=%zz')).status).toBe(400)
})
