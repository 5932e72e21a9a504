import type { Size } from '../launcher.ts'

/** What Slurm has, from sinfo and from `scontrol show config`. Pure. */

export interface Node {
  readonly name: string
  /** Where Slurm itself reaches it. */
  readonly address: string
  readonly cpus: number
  readonly memoryMib: number
  readonly partitions: readonly string[]
  /** One of them is where jobs go that name none. */
  readonly isInDefault: boolean
}

/** With `-N` a line for each node in each partition. */
export const SINFO_FORMAT = '%N|%o|%c|%m|%P'

export function parseNodes(output: string): Node[] {
  const nodes = new Map<string, Node>()
  for (const line of output.split('\n')) {
    const [name = '', address = '', cpus = '', memory = '', partition = ''] = line.split('|')
    // Of several nodes in one line, of different sizes, it would say "4+".
    if (!/^[\w.-]+$/.test(name) || !/^\d+$/.test(cpus) || !/^\d+$/.test(memory)) continue
    const before = nodes.get(name)
    nodes.set(name, {
      name,
      address,
      cpus: Number(cpus),
      memoryMib: Number(memory),
      partitions: [...(before?.partitions ?? []), partition.replace(/\*$/, '')],
      isInDefault: before?.isInDefault === true || partition.endsWith('*'),
    })
  }
  return [...nodes.values()]
}

/** Those that jobs may come to; `partitions` as in the settings, `undefined` for Slurm's own. */
export function selectNodes(nodes: readonly Node[], partitions: readonly (string | undefined)[]): Node[] {
  const names = partitions.flatMap(each => each?.split(',') ?? [])
  const isAnyDefault = partitions.includes(undefined)
  return nodes.filter(
    node => (isAnyDefault && node.isInDefault) || node.partitions.some(each => names.includes(each)),
  )
}

/** The sizes that are not in every way below another one's. */
export function listLargest(nodes: readonly Node[]): Size[] {
  const sizes = nodes
    .map(({ cpus, memoryMib }) => ({ cpus, memory: memoryMib / 1024 }))
    .toSorted((one, other) => other.cpus - one.cpus || other.memory - one.memory)
  const largest: Size[] = []
  for (const size of sizes) {
    // Whoever came before has as many CPUs.
    if (size.memory > Math.max(0, ...largest.map(({ memory }) => memory))) largest.push(size)
  }
  return largest
}

export interface SlurmConfig {
  readonly clusterName: string
  readonly version: string
  /** Tasks of one array are numbered from 0 to below this. */
  readonly maxArraySize: number
  readonly enforced: { readonly cpus: boolean; readonly memory: boolean }
  /** Where Slurm does not count memory, more workers come to a node than fit. */
  readonly countsMemory: boolean
}

/** What has no line is as Slurm's own default. */
export function parseConfig(output: string): SlurmConfig {
  const values = new Map(
    output.split('\n').flatMap((line): [string, string][] => {
      const [, key = '', value = ''] = /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
      return key === '' ? [] : [[key.toLowerCase(), value]]
    }),
  )
  const get = (key: string) => values.get(key.toLowerCase()) ?? ''
  const whole = (key: string, otherwise: number) => Number(/^\d+/.exec(get(key))?.[0] ?? otherwise)
  const inCgroups = get('TaskPlugin').includes('cgroup')
  const parameters = get('SelectTypeParameters').toUpperCase()
  return {
    clusterName: get('ClusterName'),
    version: get('SLURM_VERSION'),
    maxArraySize: whole('MaxArraySize', 1001),
    enforced: {
      cpus: inCgroups && isYes(get('ConstrainCores')),
      memory: inCgroups && isYes(get('ConstrainRAMSpace')),
    },
    countsMemory: parameters.includes('MEMORY'),
  }
}

function isYes(value: string): boolean {
  return /^(yes|true|1)$/i.test(value)
}
