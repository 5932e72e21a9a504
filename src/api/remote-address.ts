import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** Whoever sent the request. A trusted proxy may have handed on what is no address: then it is the proxy's. */
export function remoteAddressOf(request: FastifyRequest): string {
  return isIP(request.ip) === 0 ? (request.socket.remoteAddress ?? 'unknown') : request.ip
}
