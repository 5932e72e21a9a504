import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type * as net from 'node:net'
import type { Metrics } from '../lib/metrics.ts'
import { SECURITY_HEADERS } from './security.ts'

declare module 'net' {
  interface Socket {
    /** To the last request that came over this connection. */
    latestResponse?: ServerResponse
  }
}

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

/** The answer to a request that came in whole on this connection and is not answered yet. */
export function findResponseUnderWay(socket: net.Socket): ServerResponse | undefined {
  const response = socket.latestResponse
  return response?.req.complete === true && !response.writableFinished ? response : undefined
}

/**
 * Node's response, with what every answer has: the security headers, the request's id, and its time in the
 * metrics. Fastify's hooks would do the same for the price of a lookup in the database.
 */
export function createResponseClass(metrics: Metrics): typeof ServerResponse {
  return class ApiResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
    readonly #startedAt = this.#begin()

    #begin(): number {
      this.req.socket.latestResponse = this
      return performance.now()
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
