import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect } from 'vitest'

interface DocumentedAnswer {
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
}

export interface DocumentedOperation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, DocumentedAnswer>>
  readonly [field: string]: unknown
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>
  readonly [field: string]: unknown
}

/** What came over the wire. */
interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: unknown
}

const text = readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')
/** As it is committed; another test holds it to what the server answers. */
export const committedOpenApi: unknown = JSON.parse(text)
/** The same with each schema in its place. */
export const openApi = inlineSchemas()

function inlineSchemas(): Document {
  const { schemas } = (JSON.parse(text) as { components: { schemas: Readonly<Record<string, unknown>> } })
    .components
  const inline = (_key: string, value: unknown): unknown => {
    const { $ref } = (value ?? {}) as { $ref?: unknown }
    if (typeof $ref !== 'string') return value
    return JSON.parse(JSON.stringify(schemas[$ref.split('/').at(-1) ?? '']), inline)
  }
  return JSON.parse(text, inline) as Document
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
const validators = new WeakMap<object, ValidateFunction>()

/** The operation behind a method and a path with values in it, and the path as the document writes it. */
export function findOperation(method: string, path: string): DocumentedOperation | undefined {
  const [bare = ''] = path.split('?', 1)
  const wanted = bare.replace(/(.)\/$/, '$1')
  const name = method === 'HEAD' ? 'get' : method.toLowerCase()
  for (const [pattern, operations] of Object.entries(openApi.paths)) {
    const matches = new RegExp(`^${pattern.replace(/\./g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`).test(
      wanted,
    )
    if (matches && operations[name] !== undefined) return operations[name]
  }
  return undefined
}

/** Fails when the answer is not what the document says of its operation. */
export function expectDocumented(method: string, path: string, answer: Received): void {
  const operation = findOperation(method, path)
  // 404 of an unknown address, 405 and OPTIONS belong to no operation; each is a problem all the same.
  if (operation === undefined) return
  const documented = operation.responses[String(answer.status)]
  const name = `${method} ${path} ${answer.status}`
  expect(documented, `${name} is not in openapi.json`).toBeDefined()
  if (documented?.content === undefined || method === 'HEAD') {
    expect(answer.text, `${name} has a body`).toBe('')
    return
  }
  const [type = ''] = (answer.headers['content-type'] ?? '').split(';')
  const media = documented.content[type]
  expect(media, `${name} has the undocumented type ${type}`).toBeDefined()
  if (media === undefined || answer.body === undefined) return
  let validate = validators.get(media)
  if (validate === undefined) {
    validate = ajv.compile(media.schema)
    validators.set(media, validate)
  }
  expect(validate(answer.body) ? [] : validate.errors, `${name}: ${answer.text.slice(0, 500)}`).toEqual([])
}
