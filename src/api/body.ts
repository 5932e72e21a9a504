import type { FastifyInstance, FastifyRequest } from 'fastify'
import { InvalidRequest } from '../domain/errors.ts'
import { HttpProblem } from './problem.ts'
import { PROBLEMS } from './problems.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Bodies are JSON in UTF-8 and nothing else; Fastify itself would also take plain text. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : parseJson(decode(request, body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error('unknown'))
    }
  })
}

/** A form, as a page without script and `curl -d` send it. */
export function acceptForm(app: FastifyInstance): void {
  app.addContentTypeParser<Buffer>(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    (request, body, done) => {
      try {
        done(null, parseForm(decode(request, body)))
      } catch (error) {
        done(error instanceof Error ? error : new Error('unknown'))
      }
    },
  )
}

function decode(request: FastifyRequest, body: Buffer): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8'
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (!/^(utf-?8|us-ascii)$/i.test(charset) || encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('unsupported-media-type', PROBLEMS['unsupported-media-type'].exampleDetail)
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
  const fields = [...new URLSearchParams(text)]
  const twice = fields.find(([name], index) => fields.findIndex(([other]) => other === name) !== index)
  if (twice !== undefined) throw new InvalidRequest({ [twice[0].slice(0, 100)]: ['is there more than once'] })
  return Object.fromEntries(fields)
}
