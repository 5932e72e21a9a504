import { MAX_CPUS, MAX_MEMORY_GIB } from '../../domain/limits.ts'
import type { EngineFacts, Size } from '../launcher.ts'
import { listLargest, type Node, type SlurmConfig } from './nodes.ts'

/** What this Slurm can do for us, by its own word. Pure. `nodes`: those that our jobs may come to. */
export function describeSlurm(config: SlurmConfig, nodes: readonly Node[]): EngineFacts {
  const nodeSizes = listLargest(nodes)
  const largest: Size = {
    cpus: Math.max(0, ...nodeSizes.map(({ cpus }) => cpus)),
    memory: Math.max(0, ...nodeSizes.map(({ memory }) => memory)),
  }
  return {
    largestWorker: {
      cpus: Math.min(largest.cpus, MAX_CPUS),
      memory: Math.min(largest.memory, MAX_MEMORY_GIB),
    },
    nodeSizes,
    // Slurm queues by itself.
    capacity: undefined,
    missingPrograms: new Map(),
    enforced: config.enforced,
    summary: summarize(config, nodes, largest),
  }
}

function summarize(
  { clusterName, version, enforced, countsMemory }: SlurmConfig,
  nodes: readonly Node[],
  largest: Size,
): string {
  const has = `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, the largest with ${largest.cpus} CPUs and ${Math.floor(largest.memory * 10) / 10} GiB`
  const held =
    enforced.cpus && enforced.memory
      ? 'Slurm holds workers to their CPUs and memory'
      : enforced.memory
        ? 'Slurm holds workers to their memory, not to their CPUs'
        : enforced.cpus
          ? 'Slurm holds workers to their CPUs, not to their memory'
          : 'Slurm does not hold workers to their CPUs and memory (no task/cgroup that constrains them)'
  const counts = countsMemory
    ? ''
    : ', nor does it count memory when it places them (SelectTypeParameters without Memory)'
  return `Slurm ${version} (${clusterName}): ${has}; ${held}${counts}.`
}
