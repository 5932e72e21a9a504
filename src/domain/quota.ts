/** How much a user may have at once. Only live clusters count. */

const QUOTA_LIMITS = ['clusters', 'cpus', 'memory_gib'] as const
type QuotaLimit = (typeof QUOTA_LIMITS)[number]

/** What is in use, or asked for: clusters, CPUs and GiB over all their workers. */
export type Use = Readonly<Record<QuotaLimit, number>>

/** `null` is unlimited. */
export type Quota = Readonly<Record<QuotaLimit, number | null>>

export interface QuotaRefusal {
  readonly limit: QuotaLimit
  readonly used: number
  readonly requested: number
  readonly allowed: number
}

/** What one cluster counts for. */
export function useOf(cluster: { cpus: number; memory: number; workers: number }): Use {
  return {
    clusters: 1,
    cpus: exact(cluster.cpus * cluster.workers),
    memory_gib: exact(cluster.memory * cluster.workers),
  }
}

/** The first limit that `requested` would pass, or `undefined` when it fits. */
export function findQuotaRefusal(quota: Quota, used: Use, requested: Use): QuotaRefusal | undefined {
  for (const limit of QUOTA_LIMITS) {
    const allowed = quota[limit]
    if (allowed !== null && exact(used[limit] + requested[limit]) > allowed) {
      return { limit, used: used[limit], requested: requested[limit], allowed }
    }
  }
  return undefined
}

export function addUse(a: Use, b: Use): Use {
  return combine(a, b, 1)
}

/** Never below zero, so that a use that was once miscounted heals. */
export function subtractUse(a: Use, b: Use): Use {
  return combine(a, b, -1)
}

function combine(a: Use, b: Use, sign: 1 | -1): Use {
  return {
    clusters: Math.max(0, a.clusters + sign * b.clusters),
    cpus: Math.max(0, exact(a.cpus + sign * b.cpus)),
    memory_gib: Math.max(0, exact(a.memory_gib + sign * b.memory_gib)),
  }
}

/** Of JSON text that {@link formatQuota} made; `null` for `null`. */
export function parseQuota(text: string | null): Quota | null {
  if (text === null) return null
  const stored: unknown = JSON.parse(text)
  const read = (limit: QuotaLimit): number | null => {
    const value: unknown = Reflect.get(Object(stored), limit)
    if (value !== null && typeof value !== 'number') throw new Error(`a stored quota has no ${limit}`)
    return value
  }
  return { clusters: read('clusters'), cpus: read('cpus'), memory_gib: read('memory_gib') }
}

export function formatQuota({ clusters, cpus, memory_gib }: Quota): string {
  return JSON.stringify({ clusters, cpus, memory_gib })
}

/** To the millionth: 0.1 + 0.2 must fit a quota of 0.3, and what was added must come off again to zero. */
function exact(amount: number): number {
  return Math.round(amount * 1e6) / 1e6
}
