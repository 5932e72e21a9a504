import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../lib/log.ts'
import { remoteAddressOf } from './remote-address.ts'

const MAX_LOGGED_PATH = 200

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
    address: remoteAddressOf(request),
  }
}

/** Bounded, without the query, and without what is long enough to be a token that somebody put into the path. */
function describePath(url: string): string {
  const [path = ''] = url.split('?', 1)
  return path.replace(/[A-Za-z0-9_%-]{40,}/g, '[long]').slice(0, MAX_LOGGED_PATH)
}
