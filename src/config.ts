import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'
import type { DatabaseLocation } from './database/open.ts'
import { OperatorError } from './domain/errors.ts'
import type { Price } from './domain/price.ts'
import type { Quota } from './domain/quota.ts'
import type { PortRange, RuntimeDefinition } from './domain/runtime.ts'
import type { LocalSettings } from './launchers/local/settings.ts'
import { parseJobSettings, type SlurmSettings } from './launchers/slurm/settings.ts'
import { parseRuntimes } from './own-runtimes.ts'
import { readSettings, type Environment } from './setting-sources.ts'
import type { Engine, LogLevel } from './settings.ts'

export interface Config {
  readonly host: string
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  readonly database: DatabaseLocation
  readonly engine: Engine
  readonly local: LocalSettings & {
    /** Whoever can reach the server may run programs as the workers' user. */
    readonly trustUsers: boolean
  }
  readonly slurm: SlurmSettings & {
    /** Absolute; on a file system that all nodes share. */
    readonly folder: string
    /** Whoever can reach the server may run programs as its user on all nodes. */
    readonly trustUsers: boolean
  }
  readonly schedulerPorts: PortRange
  readonly daskPython: string
  /** The operator's own. */
  readonly runtimes: readonly RuntimeDefinition[]
  readonly logLevel: LogLevel
  /** Paths of PEM files. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  readonly trustProxy: readonly string[]
  readonly allowedHosts: readonly string[]
  /** What each user may have at once. */
  readonly quota: Quota
  /** What an hour counts for; `undefined`: nothing is counted. */
  readonly price: Price | undefined
  /** How long an ended cluster can be looked up. */
  readonly retentionDays: number
}

/**
 * Reads every setting from the environment and from the file that CLUSTERS_CONFIG names; the environment
 * wins. Throws an `OperatorError` of one sentence that names the setting, where it stands and what is allowed.
 */
export function loadConfig(env: Environment): Config {
  const { value, runtimes, slurmRuntimes } = readSettings(env)
  const dataDir = resolve(value('data_dir'))
  const database = value('database') ?? `sqlite:${join(dataDir, 'clusters.db')}`
  return Object.freeze({
    host: value('host'),
    port: value('port'),
    dataDir,
    database: toDatabaseLocation(database),
    engine: value('engine'),
    local: Object.freeze({
      user: value('local_user'),
      trustUsers: value('local_trust_users'),
      cpus: value('local_cpus'),
      memoryGib: value('local_memory_gib'),
      graceSeconds: value('local_grace_seconds'),
      logMib: value('local_log_mib'),
      maxProcesses: value('local_max_processes'),
    }),
    slurm: Object.freeze({
      folder: resolve(value('slurm_folder') ?? join(dataDir, 'slurm')),
      trustUsers: value('slurm_trust_users'),
      partition: value('slurm_partition'),
      account: value('slurm_account'),
      qos: value('slurm_qos'),
      timeLimitMinutes: value('slurm_time_limit_minutes'),
      flags: value('slurm_flags'),
      byRuntime:
        slurmRuntimes === undefined
          ? new Map()
          : parseJobSettings(slurmRuntimes.content, slurmRuntimes.source),
      logMib: value('slurm_log_mib'),
    }),
    schedulerPorts: value('scheduler_ports'),
    daskPython: value('dask_python'),
    runtimes: runtimes === undefined ? [] : parseRuntimes(runtimes.content, runtimes.source),
    logLevel: value('log_level'),
    tls: toTls(value('tls_cert'), value('tls_key')),
    trustProxy: value('trust_proxy'),
    allowedHosts: value('allowed_hosts'),
    quota: Object.freeze({
      clusters: value('quota_clusters'),
      cpus: value('quota_cpus'),
      memory_gib: value('quota_memory_gib'),
    }),
    price: toPrice(value('price_core_hour'), value('price_gib_hour'), value('price_currency')),
    retentionDays: value('retention_days'),
  })
}

function toDatabaseLocation(text: string): DatabaseLocation {
  return text.startsWith('sqlite:')
    ? { kind: 'sqlite', path: resolve(text.slice('sqlite:'.length)) }
    : { kind: 'postgres', url: text }
}

function toTls(certPath: string | undefined, keyPath: string | undefined): Config['tls'] {
  if (certPath === undefined && keyPath === undefined) return undefined
  if (certPath === undefined || keyPath === undefined) {
    throw new OperatorError('CLUSTERS_TLS_CERT and CLUSTERS_TLS_KEY go together: set both, or neither.')
  }
  return { certPath, keyPath }
}

function toPrice(coreHour: number | undefined, gibHour: number | undefined, currency: string) {
  if (coreHour === undefined && gibHour === undefined) return undefined
  return { coreHour: coreHour ?? 0, gibHour: gibHour ?? 0, currency }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether only this machine can reach a server on that host. */
export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version === 0
    ? host.toLowerCase() === 'localhost'
    : LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6')
}
