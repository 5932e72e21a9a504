import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { OperatorError } from '../domain/errors.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { errorCodeOf } from '../lib/error-code.ts'

/** Requests under way get so long when the server stops. */
const STOP_GRACE_MS = 10 * SECOND_MS
const CLOSE_IDLE_INTERVAL_MS = 50

/** Resolves to the URL it is served on. Rejects with an `OperatorError` when host or port cannot be had. */
export async function listen(
  app: FastifyInstance,
  { host, port, isTls }: { host: string; port: number; isTls: boolean },
): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw toListenError(error, host, port)
  }
  const name = host.includes(':') ? `[${host}]` : host
  const address = app.server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  return `${isTls ? 'https' : 'http'}://${name}:${actualPort}`
}

function toListenError(error: unknown, host: string, port: number): unknown {
  switch (errorCodeOf(error)) {
    case 'EADDRINUSE':
      return new OperatorError(
        `Port ${port} on ${host} is in use: stop what listens there, or set CLUSTERS_PORT.`,
      )
    case 'EACCES':
      return new OperatorError(`Port ${port} on ${host} needs privileges: set CLUSTERS_PORT to 1024 or more.`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OperatorError(`CLUSTERS_HOST is ${host}, which is no address of this machine.`)
    default:
      return error
  }
}

/**
 * Watches the connections from now on, to know at the end which of them wait for an answer. What it gives answers
 * what is under way, then ends every connection.
 */
export function prepareToClose(app: FastifyInstance): () => Promise<void> {
  // Node ends connections that are idle after an answer, but not those that never had a request: browsers
  // and load balancers open some ahead.
  const unused = new Set<Socket>()
  const server: unknown = app.server
  app.server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket))
  return async () => {
    const timer = setTimeout(() => {
      app.server.closeAllConnections()
    }, STOP_GRACE_MS)
    // Node closes what is idle when it begins to close, but not what becomes idle after its last answer.
    const closeIdle = setInterval(() => {
      app.server.closeIdleConnections()
      for (const socket of unused) socket.destroy()
    }, CLOSE_IDLE_INTERVAL_MS)
    await app.close()
    clearInterval(closeIdle)
    clearTimeout(timer)
  }
}
