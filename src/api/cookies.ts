import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { parseCookie, stringifySetCookie } from 'cookie'

/** The first of that name; `undefined` without one. */
export function findCookie(headers: IncomingHttpHeaders, name: string): string | undefined {
  return headers.cookie === undefined ? undefined : parseCookie(headers.cookie)[name]
}

/** For all of this server and for no other site; over TLS alone where the request came so. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  cookie: { name: string; value: string; httpOnly: boolean; maxAge?: number },
): void {
  const secure = request.protocol === 'https'
  reply.header('set-cookie', stringifySetCookie({ ...cookie, path: '/', sameSite: 'strict', secure }))
}
