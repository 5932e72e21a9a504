import { createSecureContext } from 'node:tls'
import { isLoopback, type Config } from './config.ts'
import { OperatorError } from './domain/errors.ts'
import { readText } from './setting-sources.ts'

/**
 * Beyond this machine passwords and tokens must not travel in the clear, and whoever runs programs here must be
 * trusted by name. Throws an `OperatorError`.
 */
export function refuseToBeExposed(config: Config): void {
  const { host, tls, trustProxy, engine, local, slurm } = config
  if (!isLoopback(host) && tls === undefined && trustProxy.length === 0) {
    throw new OperatorError(
      `CLUSTERS_HOST is ${host}, which others can reach: set CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY, ` +
        'or CLUSTERS_TRUST_PROXY to the address of the proxy that does TLS.',
    )
  }
  const reach = describeReach(config)
  if (engine === 'local' && reach !== undefined && !local.trustUsers) {
    throw new OperatorError(
      `${reach}, and with the engine local every user runs programs on this machine as ` +
        `${local.user ?? 'the user of the server'}: set CLUSTERS_LOCAL_TRUST_USERS=yes if you trust them with that, ` +
        'or CLUSTERS_ENGINE to another engine.',
    )
  }
  if (engine === 'slurm' && reach !== undefined && !slurm.trustUsers) {
    throw new OperatorError(
      `${reach}, and with the engine slurm every user runs programs on the nodes as the user of the server: ` +
        'set CLUSTERS_SLURM_TRUST_USERS=yes if you trust them with that, or CLUSTERS_ENGINE to another engine.',
    )
  }
}

/** How others can reach the server, for a sentence; `undefined` when this machine alone can. */
export function describeReach({ host, trustProxy, allowedHosts }: Config): string | undefined {
  if (!isLoopback(host)) return `CLUSTERS_HOST is ${host}, which others can reach`
  if (trustProxy.length > 0) {
    return `CLUSTERS_TRUST_PROXY is ${trustProxy.join(', ')}, a proxy through which others can reach the server`
  }
  const names = allowedHosts.filter(name => !isLoopback(name))
  return names.length > 0
    ? `CLUSTERS_ALLOWED_HOSTS has ${names.join(', ')}, by which others can reach the server`
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
