import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SESSION_DAYS } from '../domain/limits.ts'
import { DAY_MS, SECOND_MS } from '../lib/clock.ts'
import { findCookie, setCookie } from './cookies.ts'

/** What a browser keeps of a login: a token that no script can read. */
export const SESSION_COOKIE = 'clusters_session'

export function findSession(headers: IncomingHttpHeaders): string | undefined {
  return findCookie(headers, SESSION_COOKIE)
}

export function keepSession(request: FastifyRequest, reply: FastifyReply, token: string): void {
  const maxAge = (SESSION_DAYS * DAY_MS) / SECOND_MS
  setCookie(request, reply, { name: SESSION_COOKIE, value: token, httpOnly: true, maxAge })
}

export function forgetSession(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(request, reply, { name: SESSION_COOKIE, value: '', httpOnly: true, maxAge: 0 })
}
