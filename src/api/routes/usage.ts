import type { FastifyInstance } from 'fastify'
import type { Cost } from '../../domain/price.ts'
import type { Usage } from '../../service/usage.ts'
import { addOperation, identityOf } from '../operation.ts'
import { readClusterId } from '../cluster-id.ts'
import { getClusterUsage, getUsage } from '../schemas/usage.ts'

export function addUsageRoutes(app: FastifyInstance, { usage }: { usage: Usage }): void {
  addOperation(app, getClusterUsage, async ({ request }) => {
    const id = readClusterId(request)
    const { requested, peak, workerPeakBytes, samples, ...hours } = await usage.ofCluster(
      identityOf(request).user,
      id,
    )
    return {
      cluster: id,
      ...toHoursBody(hours),
      requested: { cpus: requested.cpus, memory_gib: requested.memory_gib },
      peak: {
        cpus: peak.cpus,
        memory_gib: toGib(peak.memoryBytes),
        worker_memory_gib: toGib(workerPeakBytes),
      },
      samples: samples.map(({ at, minutes, cpus, memoryBytes }) => ({
        at,
        minutes,
        cpus,
        memory_gib: toGib(memoryBytes),
      })),
    }
  })

  addOperation(app, getUsage, async ({ query, request }) => {
    const { month, clusters, ...hours } = await usage.ofMonth(identityOf(request).user, query.month)
    return {
      month,
      ...toHoursBody(hours),
      clusters: clusters.map(({ clusterId, name, ...ofOne }) => ({
        cluster: clusterId,
        name,
        ...toHoursBody(ofOne),
      })),
    }
  })
}

interface Hours {
  readonly coreHours: number
  readonly gibHours: number
  readonly usedCoreHours: number | null
  readonly cost: Cost | null
}

export function toHoursBody({ coreHours, gibHours, usedCoreHours, cost }: Hours) {
  return { core_hours: coreHours, gib_hours: gibHours, used_core_hours: usedCoreHours, cost }
}

/** To a megabyte. */
function toGib(bytes: number | null): number | null {
  return bytes === null ? null : Math.round((bytes / 1024 ** 3) * 1000) / 1000
}
