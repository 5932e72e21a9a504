import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import {
  ClusterEnded,
  IdempotencyConflict,
  InvalidRequest,
  NotAuthenticated,
  NotFound,
  QuotaExceeded,
  TooManyLoginFailures,
  Unavailable,
  WrongCredentials,
  type FieldErrors,
} from '../domain/errors.ts'
import { MAX_BODY_BYTES } from '../domain/limits.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { PROBLEMS, type ProblemName } from './problems.ts'

/** RFC 9457, `application/problem+json`. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly request_id: string
  /** On 400 only: messages by field. */
  readonly errors?: FieldErrors
  readonly [extension: string]: unknown
}

/** An error of HTTP itself, which no service knows. */
export class HttpProblem extends Error {
  readonly problem: ProblemName
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: ProblemName, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail)
    this.problem = problem
    this.headers = headers
  }
}

interface Answer {
  readonly name: ProblemName
  readonly detail: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export function buildProblem(name: ProblemName, detail: string, requestId: string): Problem {
  const { status, title } = PROBLEMS[name]
  return { type: `/problems/${name}`, title, status, detail, request_id: requestId }
}

/** Fastify's error handler: the one place where an error becomes an answer. */
export function sendProblem(
  error: Error & Partial<FastifyError>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.raw.route ??= request.routeOptions.url ?? 'unmatched'
  const { name, detail, fields, headers } = toAnswer(error)
  const problem = { ...buildProblem(name, detail, request.id), ...fields }
  if (name === 'body-too-large') keepListening(request, reply)
  if (problem.status >= 500) request.log.error({ request_id: request.id, err: error }, 'request failed')
  return reply
    .code(problem.status)
    .headers({ ...headers, 'content-type': PROBLEM_TYPE })
    .send(JSON.stringify(problem))
}

/** How long the rest of a body that is too large may take; it goes nowhere. */
const DRAIN_MS = 5 * SECOND_MS

/** A client that is still sending when the connection ends never reads the answer. */
function keepListening(request: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection')
  const { raw } = request
  setTimeout(() => {
    if (!raw.complete) raw.socket.destroy()
  }, DRAIN_MS).unref()
}

function toAnswer(error: Error & Partial<FastifyError>): Answer {
  const detail = error.message
  if (error instanceof HttpProblem) return { name: error.problem, detail, headers: error.headers }
  if (error instanceof InvalidRequest) {
    return { name: 'invalid-request', detail, fields: { errors: error.errors } }
  }
  if (error instanceof WrongCredentials) {
    const errors = { password: ['is wrong, or the user name is'] }
    return { name: 'wrong-credentials', detail, fields: { errors } }
  }
  if (error instanceof NotAuthenticated) {
    return { name: 'not-authenticated', detail, headers: { 'www-authenticate': 'Token' } }
  }
  if (error instanceof NotFound) return { name: 'not-found', detail }
  if (error instanceof QuotaExceeded) return { name: 'quota-exceeded', detail, fields: { ...error.refusal } }
  if (error instanceof ClusterEnded) return { name: 'cluster-ended', detail }
  if (error instanceof IdempotencyConflict) {
    return { name: 'idempotency-conflict', detail, fields: { cluster: `/clusters/${error.clusterId}` } }
  }
  if (error instanceof TooManyLoginFailures) {
    return {
      name: 'too-many-login-failures',
      detail,
      headers: { 'retry-after': String(error.retryAfterSeconds) },
    }
  }
  if (error instanceof Unavailable) return { name: 'unavailable', detail, headers: { 'retry-after': '1' } }
  return toFrameworkAnswer(error)
}

/** What Fastify itself refuses before a route runs, by its code. */
function toFrameworkAnswer(error: Partial<FastifyError>): Answer {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { name: 'body-too-large', detail: `The body must be at most ${MAX_BODY_BYTES} bytes.` }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return { name: 'unsupported-media-type', detail: PROBLEMS['unsupported-media-type'].exampleDetail }
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return {
        name: 'invalid-request',
        detail: 'the body is not as long as Content-Length says',
        fields: { errors: { body: ['is not as long as Content-Length says'] } },
      }
    case 'ECONNRESET':
      // Nobody hears this any more; it is not our error.
      return {
        name: 'invalid-request',
        detail: 'the body did not arrive whole',
        fields: { errors: { body: ['did not arrive whole'] } },
      }
    default:
      return { name: 'internal-error', detail: PROBLEMS['internal-error'].exampleDetail }
  }
}
