import { isIP } from 'node:net'

/**
 * For every answer; the pages of the documentation bring a policy of their own. Written once at the start
 * of the process: computing them for each answer costs a tenth of a GET.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Answers differ by user; none may stay in a cache on the way.
  'cache-control': 'no-store',
} as const

/** Only where the answer came over TLS: two years. */
export const HSTS_HEADER = 'max-age=63072000; includeSubDomains'

/**
 * Which Host headers are answered. A page of another site can point its own name at our address (DNS
 * rebinding) and read our answers, but its requests then carry that name. An address cannot be rebound.
 */
export function createHostCheck(allowedHosts: readonly string[]): (host: string | undefined) => boolean {
  const allowed = new Set(['localhost', ...allowedHosts])
  return host => {
    if (host === undefined) return false
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
    return allowed.has(name) || isIP(name) === 4 || (name.startsWith('[') && isIP(name.slice(1, -1)) === 6)
  }
}
