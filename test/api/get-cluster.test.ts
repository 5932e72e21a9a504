import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  betty = await server.user()
})
afterAll(() => server.stop())

test('answers with the cluster, with the slash at the end and without', async () => {
  const cluster = await alice.createCluster({ cpus: 0.5 })
  for (const path of [`/clusters/${cluster.id}`, `/clusters/${cluster.id}/`]) {
    const answer = await alice.get(path)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual(cluster)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  }
})

test('HEAD answers with the headers alone', async () => {
  const { id } = await alice.createCluster()
  const [head, get] = [await alice.call('HEAD', `/clusters/${id}`), await alice.get(`/clusters/${id}`)]
  expect(head.status).toBe(200)
  expect(head.text).toBe('')
  expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.text)))
  expect((await betty.call('HEAD', `/clusters/${id}`)).status).toBe(404)
})

test('shows the environment to its creator', async () => {
  const { id } = await alice.createCluster({ environment: { PASSWORD: 'swordfish' } })
  expect((await alice.get(`/clusters/${id}`)).body).toMatchObject({ environment: { PASSWORD: 'swordfish' } })
})

test('answers 404 for somebody else’s cluster just as for none, administrators included', async () => {
  const administrator = await server.user({ isAdministrator: true })
  const { id } = await alice.createCluster()
  for (const caller of [betty, administrator]) {
    const [theirs, none] = [await caller.get(`/clusters/${id}`), await caller.get('/clusters/999999999')]
    expectProblem(theirs, 'not-found')
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(none))
    const headers = ({
      headers: { date: _, 'x-request-id': __, 'content-length': ___, ...rest },
    }: typeof none) => rest
    expect(headers(theirs)).toEqual(headers(none))
  }
})

test('answers 404 for a cluster that was deleted', async () => {
  const { id } = await alice.createCluster()
  await alice.delete(`/clusters/${id}`)
  expectProblem(await alice.get(`/clusters/${id}`), 'not-found')
})

const NO_IDS = ['0', '01', '-1', '+1', '1.5', '1.0', '1e3', '0x1', '9007199254740992', '9999999999999999']
  .concat(['10000000000000000', '1'.repeat(100), 'abc', 'NaN', 'null', '%31x', '%20', '1%20', '%00', '%2F'])
  .concat(['१', '１', '%F0%9F%98%80', "1'--", '1;1', '__proto__', 'constructor', '1,2', '*', ':id'])
test.each(NO_IDS)('answers the same 404 for %s, which is no id', async id => {
  const { id: real } = await alice.createCluster()
  const none = withoutRequestId(await alice.get(`/clusters/${real + 1000}`))
  const answer = await alice.get(`/clusters/${id}`)
  expectProblem(answer, 'not-found')
  expect(withoutRequestId(answer)).toEqual(none)
})

test.each([
  ['of 8,000 digits', '1'.repeat(8000)],
  ['of 12,000 digits', '1'.repeat(12_000)],
  ['that cannot be decoded', '%zz'],
  ['that is no UTF-8', '%ff'],
  ['that ends in %', '1%'],
])('answers the same 404 for an id %s', async (_name, id) => {
  const none = withoutRequestId(await alice.get('/clusters/999999999'))
  const answer = await alice.get(`/clusters/${id}`)
  expectProblem(answer, 'not-found')
  expect(withoutRequestId(answer)).toEqual(none)
})

test('takes the largest id that JavaScript counts exactly for an id', async () => {
  expectProblem(await alice.get('/clusters/9007199254740991'), 'not-found')
})

test('refuses unknown parameters', async () => {
  const { id } = await alice.createCluster()
  expect(errorsOf(await alice.get(`/clusters/${id}?verbose=1`))).toEqual({
    verbose: ['is not a known parameter'],
  })
})
