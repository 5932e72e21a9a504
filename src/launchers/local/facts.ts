import { MAX_CPUS, MAX_MEMORY_GIB } from '../../domain/limits.ts'
import type { EngineFacts } from '../launcher.ts'
import type { Cgroups } from './cgroups.ts'
import { describeLimits } from './limits.ts'
import type { HeldLimits } from './probe.ts'
import type { LocalSettings } from './settings.ts'

/** What can run on this machine: it overcommits until its operator says how much of it workers may have. */
export function describeFacts({
  settings: { cpus, memoryGib },
  held,
  cgroups,
  missingPrograms,
}: {
  readonly settings: LocalSettings
  readonly held: HeldLimits
  readonly cgroups: Cgroups
  readonly missingPrograms: EngineFacts['missingPrograms']
}): EngineFacts {
  const isBound = cpus !== undefined || memoryGib !== undefined
  const largestWorker = {
    cpus: Math.min(MAX_CPUS, cpus ?? MAX_CPUS),
    memory: Math.min(MAX_MEMORY_GIB, memoryGib ?? MAX_MEMORY_GIB),
  }
  return {
    largestWorker,
    nodeSizes: [largestWorker],
    capacity: isBound ? { cpus: cpus ?? Infinity, memory: memoryGib ?? Infinity } : undefined,
    missingPrograms,
    enforced: { cpus: held.cpus, memory: held.memory },
    summary: describeLimits(held, cgroups),
  }
}
