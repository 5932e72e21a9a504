import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MAX_STREAMS } from '../domain/limits.ts'
import { SECOND_MS } from '../lib/clock.ts'
import type { TokenWatch } from '../service/token-watch.ts'
import type { Tokens } from '../service/tokens.ts'
import { authenticate } from './authenticate.ts'
import { identityOf } from './operation.ts'
import { HttpProblem } from './problem.ts'

/** Who reads nothing any more does not hear of an end either; then the connection is cut. */
const END_GRACE_MS = SECOND_MS
const RETRY_AFTER_SECONDS = 10

interface Open {
  readonly userId: number
  /** Ends it from our side. */
  readonly end: () => void
}

/** Answers that go on for as long as the client wants: streams, followed output, and waiting for a status. */
export class LongAnswers {
  readonly #tokens: Tokens
  readonly #watch: TokenWatch
  readonly #open = new Set<Open>()
  readonly #countByUser = new Map<number, number>()
  #isStopping = false

  constructor(app: FastifyInstance, { tokens, tokenWatch }: { tokens: Tokens; tokenWatch: TokenWatch }) {
    this.#tokens = tokens
    this.#watch = tokenWatch
    // Before the server waits for what is under way.
    app.addHook('preClose', done => {
      this.#isStopping = true
      for (const { end } of this.#open) end()
      done()
    })
  }

  /** How many are open now. */
  get count(): number {
    return this.#open.size
  }

  /**
   * The signal aborts when the answer is to end: the client has gone, the token is not valid any more, or the server
   * stops. Throws when the user has too many.
   */
  begin(request: FastifyRequest, { raw }: FastifyReply): AbortSignal {
    const { user, tokenId } = identityOf(request)
    const count = this.#countByUser.get(user.id) ?? 0
    if (count >= MAX_STREAMS) throw tooMany()
    const controller = new AbortController()
    if (this.#isStopping || raw.closed || request.raw.socket.destroyed) {
      controller.abort()
      return controller.signal
    }
    const open: Open = { userId: user.id, end: endOnce(controller, raw) }
    this.#open.add(open)
    this.#countByUser.set(user.id, count + 1)
    const check = () => authenticate(request, this.#tokens)
    const unwatch = this.#watch.add(tokenId, check, open.end)
    raw.once('close', () => {
      controller.abort()
      unwatch()
      this.#release(open)
    })
    return controller.signal
  }

  /** Rejects with `NotAuthenticated` when the token is not valid any more. */
  async demandToken(request: FastifyRequest): Promise<void> {
    await authenticate(request, this.#tokens)
  }

  #release(open: Open): void {
    this.#open.delete(open)
    const left = (this.#countByUser.get(open.userId) ?? 1) - 1
    if (left === 0) this.#countByUser.delete(open.userId)
    else this.#countByUser.set(open.userId, left)
  }
}

function endOnce(controller: AbortController, raw: ServerResponse): () => void {
  return () => {
    if (controller.signal.aborted) return
    controller.abort()
    const timer = setTimeout(() => raw.destroy(), END_GRACE_MS).unref()
    raw.once('close', () => {
      clearTimeout(timer)
    })
  }
}

function tooMany(): HttpProblem {
  const detail = `You have ${MAX_STREAMS} streams and waiting requests open already; end some of them first.`
  return new HttpProblem('too-many-streams', detail, { 'retry-after': String(RETRY_AFTER_SECONDS) })
}
