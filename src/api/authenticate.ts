import type { IncomingHttpHeaders } from 'node:http'
import { InvalidRequest, NotAuthenticated } from '../domain/errors.ts'
import type { Identity, Tokens } from '../service/tokens.ts'
import { checkCsrf } from './csrf.ts'
import { findSession } from './session.ts'

const NO_TOKEN = 'This needs a token: send the header Authorization: Token <token>.'
const OTHER_FORM = 'The token must come in this form: Authorization: Token <token>.'

/** What of a request tells who sent it. */
interface Request {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

/** They change nothing, so it does no harm when another site makes a browser send them. */
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/**
 * Who sent the request: by `Authentication: Token <token>` (the requested form), `Authorization: Token
 * <token>` or `Authorization: Bearer <token>`; without either by the cookie of a session, and then whatever
 * changes something needs the CSRF value. Rejects with `NotAuthenticated`, with `InvalidRequest` when both headers are
 * there and differ, or with a 403.
 */
export function authenticate({ method, headers }: Request, tokens: Tokens): Promise<Identity> {
  const requested = headers['authentication']
  const standard = headers.authorization
  const [one, other] = [readToken(requested), readToken(standard)]
  if (requested !== undefined && standard !== undefined && (one ?? requested) !== (other ?? standard)) {
    const message = 'differs from the header Authorization; send one of them'
    return Promise.reject(new InvalidRequest({ Authentication: [message] }))
  }
  const token = one ?? other
  if (token !== undefined) return tokens.authenticate(token)
  if (requested !== undefined || standard !== undefined) {
    return Promise.reject(new NotAuthenticated(OTHER_FORM))
  }
  const session = findSession(headers)
  if (session === undefined) return Promise.reject(new NotAuthenticated(NO_TOKEN))
  return authenticateSession(session, { method, headers }, tokens)
}

async function authenticateSession(
  session: string,
  { method, headers }: Request,
  tokens: Tokens,
): Promise<Identity> {
  const identity = await tokens.authenticate(session)
  if (!SAFE_METHODS.includes(method)) checkCsrf(headers)
  return identity
}

function readToken(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined
  const space = header.indexOf(' ')
  const scheme = header.slice(0, space).toLowerCase()
  if (scheme !== 'token' && scheme !== 'bearer') return undefined
  return header.slice(space + 1).trim()
}
