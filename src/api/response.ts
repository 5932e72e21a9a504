import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Metrics } from '../lib/metrics.ts'
import { SECURITY_HEADERS } from './security.ts'

declare module 'http' {
  interface ServerResponse {
    /** The pattern of the route that answers, for the metrics. */
    route?: string
    /** The same as in the log and in a problem. */
    requestId?: string
  }
}

// Each has many overloads, which `super` would make us choose from; they are called on a response of ours only.
// oxlint-disable-next-line typescript/unbound-method
const { writeHead: nodeWriteHead, end: nodeEnd } = ServerResponse.prototype

const latest = new WeakMap<Socket, ServerResponse>()

/** The answer to a request that came in whole on this connection and is not answered yet. */
export function findResponseUnderWay(socket: Socket): ServerResponse | undefined {
  const response = latest.get(socket)
  return response?.req.complete === true && !response.writableFinished ? response : undefined
}

/**
 * Node's response, with what every answer has: the security headers, the request's id, and its time in the
 * metrics. Fastify's hooks would do the same for the price of a lookup in the database.
 */
export function createResponseClass(metrics: Metrics): typeof ServerResponse {
  return class ApiResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
    readonly #startedAt = performance.now()

    constructor(...args: ConstructorParameters<typeof ServerResponse<Request>>) {
      super(...args)
      latest.set(this.req.socket, this)
    }

    override writeHead(statusCode: number, ...rest: unknown[]): this {
      const headers = rest.at(-1)
      // Fastify hands over all headers in one object, or has set each before it sends a stream.
      if (isHeaders(headers)) addCommonHeaders(headers, this.requestId)
      else this.#setCommonHeaders()
      return Reflect.apply(nodeWriteHead, this, [statusCode, ...rest]) as this
    }

    override end(...args: unknown[]): this {
      const seconds = (performance.now() - this.#startedAt) / 1000
      metrics.observeRequest(this.req.method ?? '', this.route ?? 'unmatched', this.statusCode, seconds)
      return Reflect.apply(nodeEnd, this, args) as this
    }

    #setCommonHeaders(): void {
      const headers: OutgoingHttpHeaders = {}
      addCommonHeaders(headers, this.requestId)
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined && !this.hasHeader(name)) this.setHeader(name, value)
      }
    }
  }
}

function isHeaders(value: unknown): value is OutgoingHttpHeaders {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A page has brought a policy of its own. */
function addCommonHeaders(headers: OutgoingHttpHeaders, requestId: string | undefined): void {
  headers['content-security-policy'] ??= SECURITY_HEADERS['content-security-policy']
  headers['x-content-type-options'] = SECURITY_HEADERS['x-content-type-options']
  headers['cache-control'] ??= SECURITY_HEADERS['cache-control']
  if (requestId !== undefined) headers['x-request-id'] = requestId
}
