import { afterAll, beforeAll, expect, test } from 'vitest'
import { Caller } from '../support/caller.ts'
import { idsOf } from '../support/pages.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

const create = async (name = 'x') =>
  (await alice.post('/tokens', { name })).body as { id: number; token: string }
const use = (token: string) => new Caller({ url: server.url, token }).get('/users/me')

test('answers 204 without a body, and the token is dead', async () => {
  for (const slash of ['', '/']) {
    const { id, token } = await create()
    expect((await use(token)).status).toBe(200)
    const answer = await alice.delete(`/tokens/${id}${slash}`)
    expect(answer.status).toBe(204)
    expect(answer.text).toBe('')
    expectProblem(await use(token), 'not-authenticated')
    expect(idsOf(await alice.get('/tokens'))).not.toContain(id)
  }
})

test('leaves the user’s other tokens alone', async () => {
  const [one, other] = [await create(), await create()]
  await alice.delete(`/tokens/${one.id}`)
  expect((await use(other.token)).status).toBe(200)
})

test('a token can revoke itself', async () => {
  const { id, token } = await create()
  expect((await new Caller({ url: server.url, token }).delete(`/tokens/${id}`)).status).toBe(204)
  expectProblem(await use(token), 'not-authenticated')
})

test('never gives an id a second time', async () => {
  const first = await create()
  await alice.delete(`/tokens/${first.id}`)
  expect((await create()).id).toBeGreaterThan(first.id)
})

test('answers 404 for somebody else’s token just as for none, administrators included, and leaves it alone', async () => {
  const { id, token } = await create()
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    const theirs = await caller.delete(`/tokens/${id}`)
    expectProblem(theirs, 'not-found')
    expect(withoutRequestId(theirs)).toEqual(withoutRequestId(await caller.delete('/tokens/999999999')))
  }
  expect((await use(token)).status).toBe(200)
})

test('answers 404 for a token that was revoked already', async () => {
  const { id } = await create()
  await alice.delete(`/tokens/${id}`)
  expectProblem(await alice.delete(`/tokens/${id}`), 'not-found')
})

test.each([
  '0',
  '01',
  '-1',
  '1.5',
  '1e3',
  '9999999999999999',
  '10000000000000000',
  'abc',
  '1'.repeat(8000),
  '%zz',
])('answers the same 404 for %s, which is no id', async id => {
  const answer = await alice.delete(`/tokens/${id}`)
  expectProblem(answer, 'not-found')
  expect(withoutRequestId(answer)).toEqual(withoutRequestId(await alice.delete('/tokens/999999999')))
})

test('a request that is refused revokes nothing', async () => {
  const { id, token } = await create()
  expect(errorsOf(await alice.delete(`/tokens/${id}?force=1`))).toEqual({
    force: ['is not a known parameter'],
  })
  expect((await use(token)).status).toBe(200)
})
