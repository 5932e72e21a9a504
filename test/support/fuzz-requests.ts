import type { DocumentedOperation } from './documented.ts'
import { CONTENT_TYPES, IDS, METHODS, NAMES, NUMBERS, QUERIES, TEXTS } from './fuzz-values.ts'
import type { Random } from './random.ts'

export interface FuzzRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly raw?: string | Buffer
}

export interface FuzzedOperation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly operation: DocumentedOperation
}

interface Body {
  readonly schema?: { readonly properties?: object }
  readonly example?: unknown
}

/** JSON text of any kind, also what JSON.stringify never writes: huge numbers, names that are there twice. */
function jsonText(random: Random, depth = 0): string {
  const kind = random.below(depth > 3 ? 4 : 6)
  if (kind === 0) return random.pick(NUMBERS)
  if (kind === 1) return JSON.stringify(random.chance(0.5) ? random.pick(TEXTS) : random.text(30))
  if (kind === 2) return random.pick(['null', 'true', 'false', '[]', '{}', '""', '0'])
  if (kind === 3) return String((random.next() - 0.3) * 10 ** random.below(20))
  const items = Array.from({ length: random.below(4) }, () => jsonText(random, depth + 1))
  if (kind === 4) return `[${items.join(',')}]`
  return `{${items.map(item => `${JSON.stringify(fieldName(random))}:${item}`).join(',')}}`
}

function fieldName(random: Random): string {
  return random.chance(0.5) ? random.pick([...NAMES, ...TEXTS]) : random.text(20)
}

/** Bodies to begin from, where the example of the document would rarely be accepted. */
const BODIES: Readonly<Record<string, object>> = {
  createCluster: { creator: 1, cpus: 1, memory: 1 },
  createToken: { name: 'x' },
  updateCluster: { name: 'x' },
  login: { username: 'alice', password: 'hunter2' },
  startSession: { username: 'alice', password: 'hunter2' },
}

function bodyOf({ id, operation }: FuzzedOperation): Body | undefined {
  const { content } = (operation['requestBody'] ?? {}) as { content?: Readonly<Record<string, Body>> }
  const body = content?.['application/json']
  return body && { ...body, example: BODIES[id] ?? body.example }
}

/** The documented example with some of its fields, and some that it could have, changed. */
function changedBody(random: Random, body: Body, creator: number): string {
  const fields = new Map(
    Object.entries(body.example ?? {}).map(([name, value]) => [name, JSON.stringify(value)]),
  )
  if (fields.has('creator')) fields.set('creator', String(creator))
  const known = Object.keys(body.schema?.properties ?? {})
  // What is accepted changes what later requests find.
  const changes = random.chance(0.4) ? 0 : random.below(4)
  for (let count = 0; count < changes; count++) {
    fields.set(
      random.chance(0.8) && known.length > 0 ? random.pick(known) : fieldName(random),
      jsonText(random),
    )
  }
  if (random.chance(0.1)) fields.delete(random.pick(known))
  return `{${[...fields].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
}

function fuzzBody(random: Random, operation: FuzzedOperation, creator: number): string | Buffer | undefined {
  const body = bodyOf(operation)
  if (body === undefined) return random.chance(0.8) ? undefined : jsonText(random)
  if (random.chance(0.6)) return changedBody(random, body, creator)
  const kind = random.below(40)
  if (kind === 0) return '['.repeat(random.below(50_000))
  if (kind === 1) return 'x'.repeat(1024 * 1024 + random.below(2))
  if (kind < 6) return undefined
  if (kind < 12) return random.bytes(100)
  if (kind < 20) return changedBody(random, body, creator).slice(0, random.below(100))
  if (kind < 26)
    return new URLSearchParams({ [random.text(9)]: random.text(9), username: random.text(9) }).toString()
  return jsonText(random)
}

/** Node refuses to send what is no Latin-1. */
function headerText(random: Random): string {
  return random.text(60).replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
}

function fuzzHeaders(random: Random, hasBody: boolean): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  const set = (name: string, probability: number, value: () => string | string[]) => {
    if (random.chance(probability)) headers[name] = value()
  }
  if (hasBody) headers['content-type'] = random.chance(0.85) ? 'application/json' : random.pick(CONTENT_TYPES)
  if (hasBody) set('transfer-encoding', 0.1, () => 'chunked')
  set('content-type', hasBody ? 0 : 0.05, () => random.pick(CONTENT_TYPES))
  set('content-encoding', 0.01, () => random.pick(['gzip', 'identity', 'br', '']))
  set('idempotency-key', 0.1, () =>
    random.pick(['a', '', 'x'.repeat(65), headerText(random), String(random.below(50))]),
  )
  set('cookie', 0.05, () =>
    random.pick([
      'csrftoken=x',
      'csrftoken',
      ';;;',
      '=',
      headerText(random),
      `__proto__=${headerText(random)}`,
    ]),
  )
  set('x-csrf-token', 0.05, () => [headerText(random), headerText(random)])
  set('host', 0.02, () =>
    random.pick(['localhost', 'evil.example', '', '127.0.0.1:1', '[::1]', headerText(random)]),
  )
  set('accept', 0.05, () => random.pick(['*/*', 'text/html', 'image/*;q=0', '', headerText(random)]))
  set('authentication', 0.02, () => random.pick(['Token x', '', 'Basic', headerText(random)]))
  set('x-forwarded-for', 0.02, () => ['1.2.3.4', headerText(random)])
  set('range', 0.02, () => 'bytes=0-1')
  set('if-none-match', 0.02, () => '*')
  set('expect', 0.003, () => random.pick(['100-continue', 'cookies']))
  set('connection', 0.01, () => 'close')
  set(`x-${random.below(1000)}`, 0.05, () => headerText(random))
  return headers
}

/** Halves of surrogate pairs have no encoding of their own. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
}

function fuzzQuery(random: Random, { operation }: FuzzedOperation): string {
  if (random.chance(0.6)) return ''
  if (random.chance(0.3)) return random.pick(QUERIES)
  const parameters = (operation['parameters'] ?? []) as readonly {
    readonly in: string
    readonly name: string
  }[]
  // Nobody has the time to wait for a status that a cluster without an engine never has.
  const known = parameters
    .filter(parameter => parameter.in === 'query' && parameter.name !== 'wait_for')
    .map(({ name }) => name)
  const pairs = Array.from({ length: 1 + random.below(3) }, () => {
    const name = known.length > 0 && random.chance(0.8) ? random.pick(known) : fieldName(random)
    const value = random.pick([
      '1',
      '2',
      'running',
      'pending',
      'YmVmb3JlOjc',
      random.pick(NUMBERS),
      random.text(20),
    ])
    return `${encode(name)}=${encode(value)}`
  })
  return `?${pairs.join('&')}`
}

/** Any value of the right form serves: it is stateless. */
const CSRF_HEADERS = { cookie: `csrftoken=${'A'.repeat(43)}`, 'x-csrf-token': 'A'.repeat(43) }

/** A request to an operation, or near it. `ids` are worth trying; `creator` is who sends it. */
export function fuzzRequest(
  random: Random,
  operation: FuzzedOperation,
  { ids, creator }: { ids: readonly number[]; creator: number },
): FuzzRequest {
  const id = () => (random.chance(0.4) && ids.length > 0 ? String(random.pick(ids)) : random.pick(IDS))
  const name = () => (random.chance(0.9) ? id() : encode(`x${random.text(30)}`))
  const path = operation.path.replace(/\{[^}]+\}/, () => name()) + (random.chance(0.2) ? '/' : '')
  const raw = fuzzBody(random, operation, creator)
  // Else no login would come as far as its user name and password.
  const csrf = ['login', 'startSession'].includes(operation.id) && random.chance(0.7) ? CSRF_HEADERS : {}
  return {
    method: random.chance(0.93) ? operation.method : random.pick(METHODS),
    path: path + fuzzQuery(random, operation),
    headers: { ...fuzzHeaders(random, raw !== undefined), ...csrf },
    ...(raw === undefined ? {} : { raw }),
  }
}

/** A request as bytes, with something wrong in it that no HTTP client would send. */
export function malformedBytes(random: Random, token: string): Buffer {
  const body = random.pick(['', '{}', '{"creator":1}', 'x'.repeat(random.below(300))])
  const lines = [
    random.pick([
      'GET /users/me HTTP/1.1',
      'POST /clusters HTTP/1.1',
      'GET /healthz HTTP/1.0',
      'POST /token/login HTTP/1.1',
    ]),
    'Host: localhost',
    `Authorization: Token ${random.chance(0.5) ? token : 'x'}`,
    'Content-Type: application/json',
    random.pick([
      `Content-Length: ${body.length}`,
      'Content-Length: -1',
      'Content-Length: 1, 2',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: x',
    ]),
    random.pick([
      'Connection: close',
      'Connection: close, upgrade',
      'Expect: x',
      ' folded',
      ': empty',
      'No colon',
      `X: ${'x'.repeat(20_000)}`,
    ]),
  ]
  if (random.chance(0.2)) lines.splice(random.below(lines.length), 1)
  if (random.chance(0.2)) lines.splice(random.below(lines.length), 0, random.text(40))
  if (random.chance(0.2)) lines.push(random.pick(lines))
  const bytes = Buffer.from(lines.join(random.chance(0.9) ? '\r\n' : '\n') + '\r\n\r\n' + body)
  for (let count = random.below(4); count > 0; count--) bytes[random.below(bytes.length)] = random.below(256)
  return random.chance(0.1) ? bytes.subarray(0, random.below(bytes.length)) : bytes
}
