import type { FastifyInstance } from 'fastify'
import { toTimestamp, type Clock } from '../../lib/clock.ts'
import { NO_SUCH_TOKEN, type Token, type Tokens } from '../../service/tokens.ts'
import { addOperation, identityOf } from '../operation.ts'
import { formatNextLink, readPage } from '../paging.ts'
import { readPathId } from '../path-id.ts'
import { createToken, deleteToken, listTokens } from '../schemas/token.ts'

export function addTokenRoutes(
  app: FastifyInstance,
  { tokens, clock }: { tokens: Tokens; clock: Clock },
): void {
  addOperation(app, listTokens, async ({ query, request, reply }) => {
    const { user, tokenId } = identityOf(request)
    const page = await tokens.list(user, readPage(query))
    if (page.nextBefore !== undefined) reply.header('link', formatNextLink('/tokens', query, page.nextBefore))
    return page.shown.map(token => ({ ...toTokenBody(token), current: token.id === tokenId }))
  })

  addOperation(
    app,
    createToken,
    async ({ body, request, reply }) => {
      const expiresAt = body.expires_at ?? null
      const issued = await tokens.issue(
        identityOf(request),
        body.name,
        expiresAt === null ? null : toTimestamp(new Date(expiresAt)),
      )
      return reply.code(201).send({ ...toTokenBody(issued), token: issued.value })
    },
    () =>
      ({ expires_at: expiresAt }) => ({
        expires_at: typeof expiresAt === 'string' ? expiryProblem(new Date(expiresAt), clock()) : undefined,
      }),
  )

  addOperation(app, deleteToken, async ({ request, reply }) => {
    await tokens.revoke(identityOf(request).user, readPathId(request, NO_SUCH_TOKEN))
    return reply.code(204).send()
  })
}

/** The last moment that RFC 3339 can write. */
const LATEST_EXPIRY = new Date('9999-12-31T23:59:59.999Z')

function expiryProblem(expiresAt: Date, now: Date): string | undefined {
  // A leap second is a time of RFC 3339, and none of JavaScript's.
  if (Number.isNaN(expiresAt.getTime())) return 'cannot be read as a time; leave out the leap second'
  return expiresAt > now && expiresAt <= LATEST_EXPIRY
    ? undefined
    : 'must be in the future, before the year 10000'
}

function toTokenBody(token: Token) {
  return {
    id: token.id,
    name: token.name,
    created_at: token.createdAt,
    expires_at: token.expiresAt,
    last_used_at: token.lastUsedAt,
  }
}
