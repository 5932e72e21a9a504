import { isIP } from 'node:net'

/**
 * For every answer. As few as do the work: writing them is a tenth of a GET. What only matters to a browser
 * that shows a page is in {@link PAGE_HEADERS}.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  // Answers differ by user; none may stay in a cache on the way.
  'cache-control': 'no-store',
} as const

/** For answers that a browser shows as a page; its own policy comes on top. */
export const PAGE_HEADERS = {
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** Only where the answer came over TLS: two years. */
export const HSTS_HEADER = 'max-age=63072000'

/**
 * Which Host headers are answered. A page of another site can point its own name at our address (DNS
 * rebinding) and read our answers, but its requests then carry that name. An address cannot be rebound.
 */
export function createHostCheck(allowedHosts: readonly string[]): (host: string | undefined) => boolean {
  const allowed = new Set(['localhost', ...allowedHosts.map(host => host.toLowerCase())])
  const isAllowed = (host: string) => {
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
    return allowed.has(name) || isIP(name) === 4 || (name.startsWith('[') && isIP(name.slice(1, -1)) === 6)
  }
  // Nearly every request names the host of the one before.
  let last = ''
  return host => {
    if (host === undefined || (host !== last && !isAllowed(host))) return false
    last = host
    return true
  }
}
