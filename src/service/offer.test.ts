import { expect, test } from 'vitest'
import type { Size } from '../launchers/launcher.ts'
import { collectRuntimes, DEFAULT_PORT_RANGE } from '../runtimes.ts'
import { Offer } from './offer.ts'

const RUNTIMES = collectRuntimes({
  daskPython: 'python3',
  own: [],
  portRange: DEFAULT_PORT_RANGE,
  overNetwork: false,
})

/** What is wrong with a cluster of that size, on machines of these. */
function problemsOf(cpus: number, memory: number, ...nodeSizes: Size[]) {
  const offer = new Offer('slurm', RUNTIMES)
  offer.update({
    largestWorker: {
      cpus: Math.max(...nodeSizes.map(size => size.cpus)),
      memory: Math.max(...nodeSizes.map(size => size.memory)),
    },
    ...{ nodeSizes, capacity: undefined, missingPrograms: new Map(), summary: '' },
    enforced: { cpus: true, memory: true },
  })
  const asked = { runtime: 'idle', cpus, memory, workers: 1, idleTimeoutSeconds: null }
  return Object.fromEntries(
    Object.entries(offer.listProblems(asked)).filter(([, problem]) => problem !== undefined),
  )
}

const WIDE = { cpus: 16, memory: 8 }
const DEEP = { cpus: 2, memory: 64 }

test('what fits into one machine is taken', () => {
  expect(problemsOf(16, 8, WIDE, DEEP)).toEqual({})
  expect(problemsOf(2, 64, WIDE, DEEP)).toEqual({})
})

test('what is larger than any machine is refused with the figures of the largest', () => {
  expect(problemsOf(17, 65, WIDE, DEEP)).toEqual({
    cpus: 'must be at most 16: the largest worker that can be placed here has 16 CPUs',
    memory: 'must be at most 64: the largest worker that can be placed here has 64 GiB',
  })
})

test('what no single machine has is refused with the sizes that there are', () => {
  expect(problemsOf(3, 9, WIDE, DEEP)).toEqual({
    memory:
      'must be at most 8 with 3 CPUs: the largest machines here have 16 CPUs and 8 GiB, or 2 CPUs and 64 GiB',
  })
})
