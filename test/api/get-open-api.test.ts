import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listOperations } from '../../src/api/openapi.ts'
import { PROBLEMS } from '../../src/api/problems.ts'
import {
  committedOpenApi,
  expectDocumented,
  openApi,
  type DocumentedOperation,
} from '../support/documented.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

interface Media {
  readonly schema?: unknown
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

interface Described {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly type: string
  readonly media: Media
}

const operations = Object.entries(openApi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, string, DocumentedOperation] => [
    operation.operationId,
    method.toUpperCase(),
    path,
    operation,
  ]),
)

const answers = operations.flatMap(([name, method, path, operation]) =>
  Object.entries(operation.responses).flatMap(([status, { content }]) =>
    Object.entries(content ?? {}).map(([type, media]): Described => ({
      name,
      method,
      path,
      status: Number(status),
      type,
      media,
    })),
  ),
)

test('is the document that is committed', async () => {
  const answer = await server.nobody.get('/openapi.json')
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual(committedOpenApi)
})

test('operations.txt has just its operations', () => {
  const committed = readFileSync(new URL('../../operations.txt', import.meta.url), 'utf8')
  expect(listOperations(openApi)).toBe(committed)
})

test('is OpenAPI 3.1, with an id of its own and a summary for each operation', () => {
  expect(openApi['openapi']).toMatch(/^3\.1\./)
  const ids = operations.map(([id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [, , , operation] of operations) expect(operation['summary']).toMatch(/\S/)
})

test.each(operations)(
  '%s has an answer of success, and an example for each answer with a body',
  (name, _m, _p, operation) => {
    const statuses = Object.keys(operation.responses)
    expect(statuses.some(status => status.startsWith('2'))).toBe(true)
    for (const { status, type, media } of answers.filter(answer => answer.name === name)) {
      const examples = media.example ?? Object.keys(media.examples ?? {})[0]
      expect(examples, `${status} ${type} has no example`).toBeDefined()
      expect(media.schema, `${status} ${type} has no schema`).toBeDefined()
    }
  },
)

test('each example is what its own schema says', () => {
  for (const { method, path, status, type, media } of answers) {
    const examples = media.examples
      ? Object.values(media.examples).map(({ value }) => value)
      : [media.example]
    for (const body of examples) {
      expectDocumented(method, path, { status, headers: { 'content-type': type }, text: 'example', body })
    }
  }
})

test.each(operations)('%s has an example of each body it takes', (_name, _method, _path, operation) => {
  const { content = {} } = (operation['requestBody'] ?? {}) as { content?: Readonly<Record<string, Media>> }
  for (const [type, { schema, example, examples }] of Object.entries(content)) {
    const own = (schema as { examples?: unknown } | undefined)?.examples
    expect(example ?? examples ?? own, `${type} has no example`).toBeDefined()
  }
})

test('every error is a problem that there is a page for, with its own status and title', () => {
  for (const { name, status, type, media } of answers.filter(answer => answer.status >= 400)) {
    expect(type, name).toBe('application/problem+json')
    for (const [problem, { value }] of Object.entries(media.examples ?? {})) {
      const kind = Object.entries(PROBLEMS).find(([known]) => known === problem)?.[1]
      expect(value).toMatchObject({ type: `/problems/${problem}`, status, title: kind?.title })
      expect(kind?.status).toBe(status)
    }
  }
})

test.each(operations)(
  '%s says that it may refuse an invalid request and an unknown host, and fail',
  (_n, _m, _p, operation) => {
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '421', '500', '503']))
  },
)

test.each(operations)('%s names 401 just when it needs a token', (_name, _method, _path, operation) => {
  const security = operation['security'] as unknown[] | undefined
  expect(operation.responses['401'] === undefined).toBe(security?.length === 0)
})

test.each(operations.filter(([, method]) => !['GET', 'HEAD'].includes(method)))(
  '%s names 413 and 415: a body may come with it',
  (_name, _method, _path, operation) => {
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['413', '415']))
  },
)
