import { ServerResponse, type IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../lib/log.ts'
import type { Metrics } from '../lib/metrics.ts'

const MAX_LOGGED_PATH = 200

declare module 'http' {
  interface ServerResponse {
    /** The pattern of the route that answers, for the metrics; see {@link measureResponses}. */
    route?: string
  }
}

/**
 * Node's response, measured from its making to its end. A hook of Fastify's for each request would cost more
 * than all that is measured.
 */
export function measureResponses(metrics: Metrics): typeof ServerResponse {
  return class MeasuredResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
    readonly #startedAt = performance.now()

    override end(...args: unknown[]): this {
      const seconds = (performance.now() - this.#startedAt) / 1000
      metrics.observeRequest(this.req.method ?? '', this.route ?? 'unmatched', this.statusCode, seconds)
      return Reflect.apply(super.end, this, args) as this
    }
  }
}

/** Logs every request in one line. */
export function logRequests(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', (request, reply, done) => {
    log.info(describeRequest(request, reply), 'request')
    done()
  })
}

function describeRequest(request: FastifyRequest, reply: FastifyReply) {
  return {
    request_id: request.id,
    method: request.method,
    path: describePath(request.url),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 100) / 100,
    user: request.identity?.user.id,
    address: request.ip,
  }
}

/** Bounded, without the query, and without a token that somebody put into the path. */
function describePath(url: string): string {
  const [path = ''] = url.slice(0, MAX_LOGGED_PATH).split('?', 1)
  return path.replace(/clu_[A-Za-z0-9_-]+/g, '[token]')
}
