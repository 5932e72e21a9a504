import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { Type, type Static, type TObject, type TSchema } from 'typebox'
import { InvalidRequest, type FieldErrors } from '../domain/errors.ts'
import type { Identity } from '../service/tokens.ts'
import { ignoreBody } from './body.ts'
import { parse, type Check } from './parse.ts'
import { buildProblem } from './problem.ts'
import { PROBLEMS, type ProblemName } from './problems.ts'
import { problemSchema } from './schemas/problem.ts'

/** One operation of the API: what it takes and what it answers. The documentation is made from it. */
export interface Operation {
  readonly id: string
  readonly method: HTTPMethods
  /** Fastify's form: `/clusters/:id`. */
  readonly url: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  /** Answered without a token. */
  readonly open?: boolean
  /** For administrators alone. */
  readonly administrators?: boolean
  readonly query?: TObject
  readonly body?: TObject
  readonly bodyExample?: unknown
  /** Further media types of the body. */
  readonly bodyTypes?: readonly string[]
  /** Headers it looks at, beyond the token. */
  readonly headers?: TObject
  readonly answers: Readonly<Record<number, OperationAnswer>>
  /** What it may refuse with, beyond what every operation may. */
  readonly problems?: readonly ProblemName[]
}

interface OperationAnswer {
  readonly description: string
  /** Absent: no body. */
  readonly schema?: TSchema
  readonly example?: unknown
  /** `application/json` when absent. */
  readonly type?: string
  /** The same in another media type, for clients that ask for it. */
  readonly also?: { readonly type: string; readonly schema: TSchema; readonly example: unknown }
  readonly headers?: Readonly<Record<string, string>>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token. */
    open?: boolean
    /** Without it a body is passed over, of whatever type. */
    takesBody?: boolean
  }
  interface FastifyRequest {
    /** Set for every route that is not open. */
    identity: Identity | undefined
  }
}

const NO_QUERY = Type.Object({}, { additionalProperties: false })

/** What a handler gets, parsed. */
export interface Input<Query, Body> {
  readonly query: Query
  readonly body: Body
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

type StaticOf<Schema> = Schema extends TSchema ? Static<Schema> : Record<string, never>

/** Adds the route of an operation. The handler returns what Fastify is to send. */
export function addOperation<O extends Operation>(
  app: FastifyInstance,
  operation: O,
  handler: (input: Input<StaticOf<O['query']>, StaticOf<O['body']>>) => Promise<unknown>,
  checkFor?: (request: FastifyRequest) => Check<O['body'] & TObject>,
): void {
  const { method, url } = operation
  const querySchema = operation.query ?? NO_QUERY
  app.route({
    method,
    url,
    config: { open: operation.open ?? false, takesBody: operation.body !== undefined },
    schema: toFastifySchema(operation),
    // A GET has none anyway.
    ...(operation.body === undefined && method !== 'GET' ? { onRequest: ignoreBody } : {}),
    handler: (request, reply) => {
      reply.raw.route = url
      const faults: FieldErrors[] = []
      const query = collect(faults, () => parse(querySchema, request.query, 'query'))
      const { body: bodySchema } = operation
      const body = bodySchema
        ? collect(faults, () => parse(bodySchema, request.body, 'body', checkFor?.(request)))
        : {}
      if (faults.length > 0) throw new InvalidRequest(mergeFaults(faults))
      return handler({
        query: query as StaticOf<O['query']>,
        body: body as StaticOf<O['body']>,
        request,
        reply,
      })
    },
  })
}

/** What is wrong goes to `faults`, so that the rest is looked at as well. */
function collect<Parsed>(faults: FieldErrors[], work: () => Parsed): Parsed | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error
    faults.push(error.errors)
    return undefined
  }
}

/** A Map, for a field may be called `__proto__`, which an assignment would take for something else. */
function mergeFaults(faults: readonly FieldErrors[]): FieldErrors {
  const merged = new Map<string, readonly string[]>()
  for (const [field, messages] of faults.flatMap(each => Object.entries(each))) {
    merged.set(field, [...(merged.get(field) ?? []), ...messages])
  }
  return Object.fromEntries(merged)
}

/** Who sent the request. Only for routes that are not open. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === undefined) throw new Error('an open route asked who sent the request')
  return request.identity
}

const ALWAYS: readonly ProblemName[] = ['invalid-request', 'unknown-host', 'internal-error', 'unavailable']

/** For the documentation alone: `parse` validates, and answers are made of text or by a serializer. */
function toFastifySchema(operation: Operation) {
  const { id, summary, description, tag, open, administrators, query, body, headers } = operation
  const problems = new Set<ProblemName>([
    ...(operation.problems ?? []),
    ...(open === true ? [] : (['not-authenticated'] as const)),
    ...(operation.method === 'GET' ? [] : (['body-too-large', 'unsupported-media-type'] as const)),
    ...(administrators === true ? (['not-an-administrator'] as const) : []),
    // With the cookie of a session.
    ...(operation.method === 'GET' || open === true ? [] : (['csrf-failed'] as const)),
    ...(operation.url.includes(':id') ? (['not-found'] as const) : []),
    ...ALWAYS,
  ])
  const idParameter = operation.url.includes(':id')
    ? { params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) }) }
    : {}
  const bodyTypes = ['application/json', ...(operation.bodyTypes ?? [])]
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(open === true ? { security: [] } : {}),
    ...(administrators === true ? { 'x-administrators': true } : {}),
    ...idParameter,
    ...(query === undefined ? {} : { querystring: query }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined
      ? {}
      : {
          body: {
            content: Object.fromEntries(
              bodyTypes.map(type => [type, { schema: { ...body, examples: [operation.bodyExample] } }]),
            ),
          },
        }),
    response: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, answer]) => [status, describe(answer)]),
      ),
      ...describeProblems([...problems]),
    },
  }
}

function describe({ description, schema, example, type, also, headers }: OperationAnswer) {
  const described = Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, words]) => [name, { type: 'string', description: words }]),
  )
  const withHeaders = headers === undefined ? {} : { headers: described }
  if (schema === undefined) return { description, type: 'null', ...withHeaders }
  return {
    description,
    ...withHeaders,
    content: {
      [type ?? 'application/json']: { schema, example },
      ...(also === undefined ? {} : { [also.type]: { schema: also.schema, example: also.example } }),
    },
  }
}

/** Several problems may share a status: each is an example of its own. */
function describeProblems(names: readonly ProblemName[]) {
  const statuses = [...new Set(names.map(name => PROBLEMS[name].status))]
  return Object.fromEntries(
    statuses.map(status => {
      const sharing = names.filter(name => PROBLEMS[name].status === status)
      const examples = Object.fromEntries(sharing.map(name => [name, { value: exampleOf(name) }]))
      return [
        status,
        {
          description: sharing.map(name => PROBLEMS[name].title).join(', or '),
          content: { 'application/problem+json': { schema: problemSchema, examples } },
        },
      ]
    }),
  )
}

function exampleOf(name: ProblemName) {
  const kind = PROBLEMS[name]
  const fields = 'exampleFields' in kind ? kind.exampleFields : {}
  return { ...buildProblem(name, kind.exampleDetail, 'b3J2ZQ-17'), ...fields }
}
