import type { Socket } from 'node:net'
import { randomText } from '../lib/id.ts'
import type { Log } from '../lib/log.ts'
import { buildProblem } from './problem.ts'
import { PROBLEMS, type ProblemName } from './problems.ts'
import { findResponseUnderWay } from './response.ts'
import { SECURITY_HEADERS } from './security.ts'

const CLIENT_ERRORS: Readonly<Record<string, ProblemName>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

const NOT_HTTP =
  'cannot be read as HTTP/1.1; most often Content-Length is not the number of bytes of the body, or there are bytes after it'

/** What Node cannot read as HTTP never becomes a request; it is answered on the socket itself. */
export function createClientErrorHandler(
  log: Log,
): (error: Error & { code?: string }, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const response = findResponseUnderWay(socket)
    if (response !== undefined) {
      // What cannot be read came after a whole request. That one is carried out, so it must have its answer.
      response.shouldKeepAlive = false
      response.once('finish', () => socket.end())
      return
    }
    const name = CLIENT_ERRORS[error.code ?? ''] ?? 'invalid-request'
    const requestId = randomText(9)
    log.info({ request_id: requestId, status: PROBLEMS[name].status, code: error.code }, 'not a request')
    socket.end(render(name, requestId))
  }
}

function render(name: ProblemName, requestId: string): string {
  const isUnreadable = name === 'invalid-request'
  const detail = isUnreadable ? `The request ${NOT_HTTP}.` : PROBLEMS[name].exampleDetail
  const problem = buildProblem(name, detail, requestId)
  const body = JSON.stringify({ ...problem, ...(isUnreadable ? { errors: { request: [NOT_HTTP] } } : {}) })
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    ...Object.entries(SECURITY_HEADERS).map(([header, value]) => `${header}: ${value}`),
    `x-request-id: ${requestId}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
