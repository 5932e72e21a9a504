import { expect, test } from 'vitest'
import { describeSlurm } from './facts.ts'
import { listLargest, parseConfig, parseNodes, selectNodes } from './nodes.ts'

// Slurm 22.05.8; a node is named once for each of its partitions.
const NODES = `n1|10.0.0.1|4|4096|main*
n1|10.0.0.1|4|4096|long
n2|n2.example.org|16|2048|long
n3|n3|2|1024|main*
`

test('reads nodes, where they are reached, and their partitions', () => {
  expect(parseNodes(NODES)).toEqual([
    ...[
      {
        name: 'n1',
        address: '10.0.0.1',
        cpus: 4,
        memoryMib: 4096,
        partitions: ['main', 'long'],
        isInDefault: true,
      },
    ],
    ...[
      {
        name: 'n2',
        address: 'n2.example.org',
        cpus: 16,
        memoryMib: 2048,
        partitions: ['long'],
        isInDefault: false,
      },
    ],
    ...[{ name: 'n3', address: 'n3', cpus: 2, memoryMib: 1024, partitions: ['main'], isInDefault: true }],
  ])
  expect(parseNodes('n[1-2]|x|4+|1024+|main\nsinfo: error')).toEqual([])
})

test('jobs come to the nodes of their partitions alone', () => {
  const names = (...partitions: (string | undefined)[]) =>
    selectNodes(parseNodes(NODES), partitions).map(({ name }) => name)
  expect(names(undefined)).toEqual(['n1', 'n3'])
  expect(names('long')).toEqual(['n1', 'n2'])
  expect(names('main,long')).toEqual(['n1', 'n2', 'n3'])
  expect(names(undefined, 'long')).toEqual(['n1', 'n2', 'n3'])
})

test('a size that is in every way below another one says nothing', () => {
  const size = (cpus: number, memoryMib: number) => ({
    ...{ name: 'n', address: 'n', cpus, memoryMib, partitions: [], isInDefault: true },
  })
  expect(listLargest([size(2, 1024), size(16, 2048), size(4, 4096), size(4, 3072), size(16, 1024)])).toEqual([
    { cpus: 16, memory: 2 },
    { cpus: 4, memory: 4 },
  ])
  expect(listLargest([])).toEqual([])
})

// The lines that matter, as Slurm 22.05.8 prints them.
const BARE = `Configuration data as of 2026-11-28T13:40:00
ClusterName             = test
KillWait                = 2 sec
MaxArraySize            = 1001
SelectType              = select/cons_tres
SelectTypeParameters    = CR_CPU_MEMORY
SLURM_VERSION           = 22.05.8
TaskPlugin              = task/none
TaskPluginParam         = (null type)

Slurmctld(primary) at localhost is UP
`
// With cgroups, a section of its own follows.
const HELD = `ClusterName             = big
MaxArraySize            = 4001
SelectTypeParameters    = CR_CORE
SLURM_VERSION           = 23.11.4
TaskPlugin              = task/cgroup,task/affinity

Cgroup Support Configuration:
CgroupPlugin            = autodetect
ConstrainCores          = yes
ConstrainDevices        = yes
ConstrainRAMSpace       = yes
ConstrainSwapSpace      = no
`

test('reads what the configuration says of limits', () => {
  expect(parseConfig(BARE)).toEqual({
    ...{ clusterName: 'test', version: '22.05.8', maxArraySize: 1001, countsMemory: true },
    enforced: { cpus: false, memory: false },
  })
  expect(parseConfig(HELD)).toEqual({
    ...{ clusterName: 'big', version: '23.11.4', maxArraySize: 4001, countsMemory: false },
    enforced: { cpus: true, memory: true },
  })
  expect(parseConfig('').maxArraySize, 'as is Slurm’s own default').toBe(1001)
})

test('says in a sentence what workers are held to', () => {
  expect(describeSlurm(parseConfig(BARE), parseNodes(NODES))).toEqual({
    largestWorker: { cpus: 16, memory: 4 },
    nodeSizes: [
      { cpus: 16, memory: 2 },
      { cpus: 4, memory: 4 },
    ],
    capacity: undefined,
    missingPrograms: new Map(),
    enforced: { cpus: false, memory: false },
    summary:
      'Slurm 22.05.8 (test): 3 nodes, the largest with 16 CPUs and 4 GiB; ' +
      'Slurm does not hold workers to their CPUs and memory (no task/cgroup that constrains them).',
  })
  expect(describeSlurm(parseConfig(HELD), []).summary).toBe(
    'Slurm 23.11.4 (big): 0 nodes, the largest with 0 CPUs and 0 GiB; Slurm holds workers to their CPUs and memory, ' +
      'nor does it count memory when it places them (SelectTypeParameters without Memory).',
  )
})
