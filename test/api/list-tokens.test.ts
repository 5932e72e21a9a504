import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/lib/clock.ts'
import type { Answer, Caller } from '../support/caller.ts'
import { idsOf, nextPath, walk } from '../support/pages.ts'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

interface Token {
  readonly id: number
  readonly name: string
  readonly last_used_at: string | null
  readonly current: boolean
}

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const tokensOf = (answer: Answer) => answer.body as Token[]
const create = async (caller: Caller, fields: object) => (await caller.post('/tokens', fields)).body as Token

/** When the login token of `caller` was last used, once that has been written. */
async function lastUse(caller: Caller, since: string | null): Promise<string | null> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const used = tokensOf(await caller.get('/tokens')).find(({ current }) => current)?.last_used_at ?? null
    if (used !== since) return used
    await sleep(25)
  }
  return since
}

test('lists my tokens, the newest first, and marks the one I ask with', async () => {
  const alice = await server.user()
  const [one, two] = [await create(alice, { name: 'one' }), await create(alice, { name: 'two' })]
  for (const path of ['/tokens', '/tokens/']) {
    const answer = await alice.get(path)
    expect(answer.status).toBe(200)
    expect(tokensOf(answer)).toMatchObject([
      { id: two.id, name: 'two', current: false, expires_at: null, last_used_at: null },
      { id: one.id, name: 'one', current: false },
      { name: 'login', current: true },
    ])
  }
})

test('never shows a value, nor its hash', async () => {
  const alice = await server.user()
  await create(alice, { name: 'one' })
  const { text } = await alice.get('/tokens')
  expect(text).not.toMatch(/clu_|hash|[0-9a-f]{40}/)
})

test('shows nobody the tokens of others, administrators included', async () => {
  const [alice, betty, administrator] = [
    await server.user(),
    await server.user(),
    await server.user({ isAdministrator: true }),
  ]
  await create(alice, { name: 'secret' })
  for (const caller of [betty, administrator]) {
    expect(tokensOf(await caller.get('/tokens')).map(({ name }) => name)).toEqual(['login'])
  }
})

test('leaves out what has expired or was revoked', async () => {
  const alice = await server.user()
  const expiresAt = new Date(server.clock.now().getTime() + HOUR_MS).toISOString()
  const [expiring, revoked] = [
    await create(alice, { name: 'expiring', expires_at: expiresAt }),
    await create(alice, { name: 'revoked' }),
  ]
  await alice.delete(`/tokens/${revoked.id}`)
  expect(idsOf(await alice.get('/tokens'))).toContain(expiring.id)
  server.clock.advance(HOUR_MS)
  expect(tokensOf(await alice.get('/tokens')).map(({ name }) => name)).toEqual(['login'])
})

test('tells when a token was last used, to the minute', async () => {
  const alice = await server.user()
  const before = server.clock.now()
  const first = await lastUse(alice, null)
  expect(Date.parse(first ?? '')).toBeGreaterThanOrEqual(before.getTime())

  server.clock.advance(50 * SECOND_MS)
  await alice.get('/users/me')
  // Longer than uses are gathered before they are written.
  await sleep(400)
  expect(await lastUse(alice, null)).toBe(first)

  server.clock.advance(MINUTE_MS)
  await alice.get('/users/me')
  const second = await lastUse(alice, first)
  expect(Date.parse(second ?? '')).toBeGreaterThanOrEqual(Date.parse(first ?? '') + MINUTE_MS)
})

test('pages by limit and Link, and the pages together are the whole list', async () => {
  const alice = await server.user()
  for (let count = 0; count < 4; count++) await create(alice, { name: `token ${count}` })
  const whole = idsOf(await alice.get('/tokens'))
  expect(whole).toHaveLength(5)
  expect(nextPath(await alice.get('/tokens?limit=2'))).toMatch(/^\/tokens\?limit=2&cursor=[A-Za-z0-9_-]+$/)
  for (const limit of [1, 2, 4, 5, 6]) {
    const pages = await walk(alice, `/tokens?limit=${limit}`)
    expect(pages.flat()).toEqual(whole)
    expect(pages).toHaveLength(Math.ceil(5 / limit))
  }
})

test.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=x', 'cursor=', 'name=x'])(
  'refuses ?%s',
  async query => {
    const alice = await server.user()
    expect(Object.keys(errorsOf(await alice.get(`/tokens?${query}`)))).toEqual([query.split('=')[0]])
  },
)
