import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const start = async (cookie?: string) => {
  const answer = await server.nobody.get('/token/login/', cookie === undefined ? {} : { headers: { cookie } })
  return { answer, value: (answer.body as { csrf_token: string }).csrf_token }
}

test('gives a CSRF value, and the same in the cookie csrftoken', async () => {
  const { answer, value } = await start()
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ csrf_token: value })
  expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/)
  const [cookie = '', ...others] = answer.headers['set-cookie'] ?? []
  expect(others).toEqual([])
  expect(cookie.split('; ')[0]).toBe(`csrftoken=${value}`)
})

test('the cookie holds for every path, never travels from other sites, and a page’s script can read it', async () => {
  const { answer } = await start()
  const [, ...attributes] = (answer.headers['set-cookie']?.[0] ?? '').split('; ')
  expect(attributes.toSorted()).toEqual(['Path=/', 'SameSite=Strict'])
})

test('gives everybody another value', async () => {
  const values = await Promise.all(Array.from({ length: 5 }, async () => (await start()).value))
  expect(new Set(values).size).toBe(5)
})

test('keeps the value of a cookie that is there', async () => {
  const { value } = await start()
  const again = await start(`csrftoken=${value}`)
  expect(again.value).toBe(value)
  expect(again.answer.headers['set-cookie']?.[0]).toContain(value)
})

test.each(['', 'short', '%zz', 'x'.repeat(44), `${'x'.repeat(42)}"`, '<script>'])(
  'gives a new value for a cookie that is none of ours: %j',
  async cookie => {
    const { value } = await start(`csrftoken=${cookie}`)
    expect(value).not.toBe(cookie)
    expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/)
  },
)

test('works without the slash at the end, without a redirect', async () => {
  expect((await server.nobody.get('/token/login')).status).toBe(200)
})

test('HEAD sets the cookie as well', async () => {
  const answer = await server.nobody.call('HEAD', '/token/login/')
  expect(answer.status).toBe(200)
  expect(answer.headers['set-cookie']?.[0]).toMatch(/^csrftoken=/)
})

test('takes a token that is not valid for none: it is open', async () => {
  const answer = await server.nobody.get('/token/login/', { headers: { authorization: 'Token nonsense' } })
  expect(answer.status).toBe(200)
})

test('refuses unknown parameters', async () => {
  expect(errorsOf(await server.nobody.get('/token/login?next=/'))).toEqual({
    next: ['is not a known parameter'],
  })
})
