import { createSecureContext } from 'node:tls'
import { isLoopback, readText, type Config } from './config.ts'
import { OperatorError } from './domain/errors.ts'

/** Beyond this machine, passwords and tokens must not travel in the clear. Throws an `OperatorError`. */
export function refuseToBeExposed({ host, tls, trustProxy }: Config): void {
  if (isLoopback(host) || tls !== undefined || trustProxy.length > 0) return
  throw new OperatorError(
    `CLUSTERS_HOST is ${host}, which others can reach: set CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY, ` +
      'or CLUSTERS_TRUST_PROXY to the address of the proxy that does TLS.',
  )
}

/** How others can reach the server, for a sentence; `undefined` when this machine alone can. */
export function describeReach({ host, trustProxy }: Config): string | undefined {
  if (!isLoopback(host)) return `CLUSTERS_HOST is ${host}, which others can reach`
  return trustProxy.length > 0
    ? `CLUSTERS_TRUST_PROXY is ${trustProxy.join(', ')}, a proxy through which others can reach the server`
    : undefined
}

/** PEM texts, or `undefined` for plain HTTP. Throws an `OperatorError` when they are no pair. */
export function readTls({ tls }: Config) {
  if (tls === undefined) return undefined
  const pair = {
    cert: readText('CLUSTERS_TLS_CERT', tls.certPath),
    key: readText('CLUSTERS_TLS_KEY', tls.keyPath),
  }
  try {
    createSecureContext(pair)
    return pair
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    throw new OperatorError(
      `CLUSTERS_TLS_CERT (${tls.certPath}) and CLUSTERS_TLS_KEY (${tls.keyPath}) are no certificate in PEM and its private key: ${why}.`,
    )
  }
}
