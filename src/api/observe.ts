import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../lib/log.ts'
import type { Metrics } from '../lib/metrics.ts'

const MAX_LOGGED_PATH = 200

/** Measures every request, and logs it in one line where the level asks for that. */
export function observeRequests(app: FastifyInstance, options: { metrics: Metrics; log: Log }): void {
  const { metrics, log } = options
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched'
    metrics.observeRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000)
    if (log.isLevelEnabled('info')) log.info(describeRequest(request, reply), 'request')
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
