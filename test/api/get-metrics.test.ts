import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

test('answers in Prometheus’ text form, with every request counted by its route', async () => {
  const { id } = await alice.createCluster()
  for (let time = 0; time < 3; time++) await alice.get(`/clusters/${id}`)
  await alice.get('/nowhere/at/all')
  const answer = await alice.get('/metrics')
  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
  const count = (method: string, route: string, status: number) =>
    `http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`
  expect(answer.text).toContain(`${count('POST', '/clusters', 201)} 1\n`)
  expect(answer.text).toContain(`${count('GET', '/clusters/:id', 200)} 3\n`)
  expect(answer.text).toMatch(/^process_cpu_user_seconds_total /m)
})

test('never repeats an address: each would be kept for ever', async () => {
  for (let count = 0; count < 20; count++) await alice.get(`/nowhere-${count}`)
  await alice.get('/clusters/12345678')
  expect((await alice.get('/metrics/')).text).not.toMatch(/nowhere|12345678/)
})

test('is not open: it tells what the server is used for', async () => {
  expectProblem(await server.nobody.get('/metrics'), 'not-authenticated')
})
