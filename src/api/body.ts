import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { InvalidRequest } from '../domain/errors.ts'
import { HttpProblem } from './problem.ts'
import { PROBLEMS } from './problems.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A form has a handful of fields; one with thousands is there to keep us busy. */
const MAX_FORM_FIELDS = 100

/** Bodies are JSON in UTF-8 and nothing else; Fastify itself would also take plain text. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  acceptType(app, 'application/json', (request, body) =>
    body.length === 0 ? undefined : parseJson(decode(request, body)),
  )
  acceptType(app, '*', request => {
    if (request.routeOptions.config.takesBody === true) {
      throw new HttpProblem('unsupported-media-type', PROBLEMS['unsupported-media-type'].exampleDetail)
    }
  })
}

/** A form, as a page without script and `curl -d` send it. */
export function acceptForm(app: FastifyInstance): void {
  acceptType(app, 'application/x-www-form-urlencoded', (request, body) => parseForm(decode(request, body)))
}

function acceptType(
  app: FastifyInstance,
  type: string,
  parse: (request: FastifyRequest, body: Buffer) => unknown,
): void {
  app.addContentTypeParser<Buffer>(type, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parse(request, body))
    } catch (error) {
      done(error instanceof Error ? error : new Error('unknown'))
    }
  })
}

/**
 * For operations that take no body: whatever comes, of whatever type, is passed over. Many clients send an empty
 * body of some type, and Fastify refuses a type that it cannot read before anything is parsed.
 */
export function ignoreBody(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (request.headers['content-type'] !== undefined) {
    request.raw.headers['content-type'] = 'application/octet-stream'
  }
  done()
}

function decode(request: FastifyRequest, body: Buffer): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8'
  if (!/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new HttpProblem('unsupported-media-type', 'The body must be in UTF-8, not in another charset.')
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('unsupported-media-type', 'The body must not be compressed (Content-Encoding).')
  }
  try {
    return utf8.decode(body)
  } catch {
    throw new InvalidRequest({ body: ['is not UTF-8'] })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message repeats what was sent, which may be a password.
    throw new InvalidRequest({ body: ['is not JSON'] })
  }
}

function parseForm(text: string): unknown {
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) throw new InvalidRequest({ [name.slice(0, 100)]: ['is there more than once'] })
    if (fields.size === MAX_FORM_FIELDS) {
      throw new InvalidRequest({ body: [`has more than ${MAX_FORM_FIELDS} fields`] })
    }
    fields.set(name, value)
  }
  return Object.fromEntries(fields)
}
