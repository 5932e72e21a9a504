import { afterAll, beforeAll, expect, test } from 'vitest'
import { listProblemNames, PROBLEMS } from '../../src/api/problems.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test.each(listProblemNames())(
  'the type /problems/%s is a page that says what happened and how to mend it',
  async name => {
    for (const slash of ['', '/']) {
      const answer = await server.nobody.get(`/problems/${name}${slash}`)
      expect(answer.status).toBe(200)
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(answer.text).toContain(`<h1>${PROBLEMS[name].title}</h1>`)
      expect(answer.text).toContain('What happened')
      expect(answer.text).toContain('How to mend it')
    }
  },
)

test('lets nothing run in the page, and nobody frame it', async () => {
  const { headers } = await server.nobody.get('/problems/not-found')
  expect(headers['content-security-policy']).toContain("default-src 'none'")
  expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(headers['content-security-policy']).not.toContain('script-src')
  expect(headers['x-frame-options']).toBe('DENY')
  expect(headers['referrer-policy']).toBe('no-referrer')
})

test.each([
  'nothing',
  '__proto__',
  'constructor',
  'toString',
  'Not-Found',
  '%3Cscript%3E',
  '..%2F..%2Fpackage.json',
  '%zz',
])('answers 404 for /problems/%s, which is none, to everybody', async name => {
  const answer = await server.nobody.get(`/problems/${name}`)
  expectProblem(answer, 'not-found')
  expect(answer.text).not.toContain('script')
})
