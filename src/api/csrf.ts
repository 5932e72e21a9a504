import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { randomText } from '../lib/id.ts'
import { findCookie, setCookie } from './cookies.ts'
import { HttpProblem } from './problem.ts'

/**
 * Cross-site request forgery: another site can make a browser send our cookie, but cannot read it, so only
 * our own page can repeat its value in a header. The value is stateless; any well-formed one serves.
 */
const CSRF_COOKIE = 'csrftoken'
const VALUE_BYTES = 32
const VALUE = /^[A-Za-z0-9_-]{43}$/

/** Sets the cookie, or keeps the one that is there, and tells its value. */
export function giveCsrfValue(request: FastifyRequest, reply: FastifyReply): string {
  const present = findCookie(request.headers, CSRF_COOKIE)
  const value = present !== undefined && VALUE.test(present) ? present : randomText(VALUE_BYTES)
  // The page's own script has to read it.
  setCookie(request, reply, { name: CSRF_COOKIE, value, httpOnly: false })
  return value
}

/** Throws a 403 unless the header repeats the cookie. */
export function checkCsrf(headers: IncomingHttpHeaders): void {
  const cookie = findCookie(headers, CSRF_COOKIE)
  // The second is Django's spelling.
  const header = headers['x-csrf-token'] ?? headers['x-csrftoken']
  if (cookie === undefined || typeof header !== 'string' || !VALUE.test(cookie) || !isSame(cookie, header)) {
    throw new HttpProblem(
      'csrf-failed',
      'The header X-CSRF-Token must repeat the value of the cookie csrftoken; GET /token/login/ sets it.',
    )
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
