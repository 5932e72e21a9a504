import type { IncomingHttpHeaders } from 'node:http'
import { InvalidRequest, NotAuthenticated } from '../domain/errors.ts'
import type { Identity, Tokens } from '../service/tokens.ts'

const NO_TOKEN = 'This needs a token: send the header Authorization: Token <token>.'
const OTHER_FORM = 'The token must come in this form: Authorization: Token <token>.'

/**
 * Who sent the request: by `Authentication: Token <token>` (the requested form), `Authorization: Token
 * <token>` or `Authorization: Bearer <token>`. Rejects with `NotAuthenticated`, or with `InvalidRequest`
 * when both headers are there and differ.
 */
export function authenticate(headers: IncomingHttpHeaders, tokens: Tokens): Promise<Identity> {
  const requested = headers['authentication']
  const standard = headers.authorization
  const [one, other] = [readToken(requested), readToken(standard)]
  if (requested !== undefined && standard !== undefined && (one ?? requested) !== (other ?? standard)) {
    const message = 'differs from the header Authorization; send one of them'
    return Promise.reject(new InvalidRequest({ Authentication: [message] }))
  }
  const token = one ?? other
  if (token === undefined) {
    const isAbsent = requested === undefined && standard === undefined
    return Promise.reject(new NotAuthenticated(isAbsent ? NO_TOKEN : OTHER_FORM))
  }
  return tokens.authenticate(token)
}

function readToken(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined
  const space = header.indexOf(' ')
  const scheme = header.slice(0, space).toLowerCase()
  if (scheme !== 'token' && scheme !== 'bearer') return undefined
  return header.slice(space + 1).trim()
}
