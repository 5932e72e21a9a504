import { expect, test } from 'vitest'
import type { ObservedUse, ObservedWorker } from '../launchers/launcher.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { measure, type Reading } from './measure.ts'

/** What is kept of workers that were looked at a minute ago, and are looked at now. */

const NOW = new Date('2026-11-23T10:01:00.000Z')
const LONGEST_MS = 180 * SECOND_MS

interface Worker extends Partial<ObservedUse> {
  /** Seconds ago; `null`: it has not started. */
  readonly started: number | null
  readonly before?: { readonly cpuSeconds: number; readonly ago: number }
}

function measureOne(...workers: Worker[]) {
  const observed = workers.map(({ started, cpuSeconds, memoryBytes, peakMemoryBytes }, index) => {
    const startedAt = new Date(NOW.getTime() - (started ?? 0) * SECOND_MS)
    const worker: ObservedWorker = {
      ...{ id: `worker${index}`, handle: '', node: null, address: null },
      state: started === null ? { kind: 'placed' } : { kind: 'started', startedAt },
      use: {
        cpuSeconds: cpuSeconds ?? null,
        memoryBytes: memoryBytes ?? null,
        peakMemoryBytes: peakMemoryBytes ?? null,
      },
    }
    return worker
  })
  const previous = workers.flatMap(({ before }, index): [string, Reading][] =>
    before === undefined
      ? []
      : [[`worker${index}`, { cpuSeconds: before.cpuSeconds, atMs: NOW.getTime() - before.ago * SECOND_MS }]],
  )
  const seats = observed.map(({ id }) => ({ id }))
  const snapshot = {
    look: {
      kind: 'seen' as const,
      workers: new Map(observed.map(worker => [worker.id, worker])),
      gone: new Set<string>(),
    },
    clusters: [{ id: 7, seats }],
    now: NOW,
  }
  return measure(snapshot, new Map(previous), LONGEST_MS)
}

const sampleOf = (...workers: Worker[]) => measureOne(...workers).samples[0]

test('CPUs are the average since the last look', () => {
  const worker = { started: 1000, cpuSeconds: 220, before: { cpuSeconds: 100, ago: 60 } }
  expect(sampleOf(worker)).toEqual({
    ...{ clusterId: 7, at: NOW.toISOString(), cpus: 2, memoryBytes: null },
  })
})

test('of a worker that began since then, the average since its start', () => {
  expect(sampleOf({ started: 10, cpuSeconds: 25 })).toMatchObject({ cpus: 2.5 })
})

test('the workers of a cluster are added up', () => {
  const one = { started: 1000, cpuSeconds: 130, memoryBytes: 5, before: { cpuSeconds: 100, ago: 60 } }
  expect(sampleOf(one, { started: 10, cpuSeconds: 1, memoryBytes: 7 })).toMatchObject({
    cpus: 0.6,
    memoryBytes: 12,
  })
})

test('what is older than the server tells nothing of this minute, and is a beginning for the next', () => {
  const { samples, readings } = measureOne({ started: 1000, cpuSeconds: 500, memoryBytes: 9 })
  expect(samples).toMatchObject([{ cpus: null, memoryBytes: 9 }])
  expect(readings.get('worker0')).toEqual({ cpuSeconds: 500, atMs: NOW.getTime() })
})

test('a counter that went back is no use below zero', () => {
  const worker = { started: 1000, cpuSeconds: 1, before: { cpuSeconds: 100, ago: 60 } }
  expect(sampleOf(worker)).toMatchObject({ cpus: 0 })
})

test('what the engine cannot tell is no sample', () => {
  expect(measureOne({ started: 1000 })).toMatchObject({ samples: [], uses: [] })
  expect(measureOne({ started: null, cpuSeconds: 1 })).toMatchObject({ samples: [], uses: [] })
})

test('what each worker has used in all is told as well', () => {
  const { uses } = measureOne({ started: 1000, cpuSeconds: 5, memoryBytes: 1, peakMemoryBytes: 9 })
  expect(uses).toEqual([{ id: 'worker0', cpuSeconds: 5, peakMemoryBytes: 9 }])
})

test('while the engine cannot be asked, what was known stays known', () => {
  const previous = new Map([['worker0', { cpuSeconds: 5, atMs: 1 }]])
  const snapshot = { look: { kind: 'unreachable' as const, why: 'no' }, clusters: [], now: NOW }
  expect(measure(snapshot, previous, LONGEST_MS)).toEqual({ samples: [], uses: [], readings: previous })
})
