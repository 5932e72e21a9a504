import { expect, test } from 'vitest'
import { pausesAfter, type Pauses, type PassTimes } from './pauses.ts'

/** How long the loop pauses, in milliseconds, as a table. */
type Row = [name: string, times: Partial<PassTimes>, pauses: Pauses]

const table: Row[] = [
  ['a short pass: the next one in a second', { ms: 2 }, { restMs: 0, waitMs: 1000 }],
  ['a longer one: 249 times as long', { ms: 20 }, { restMs: 0, waitMs: 4980 }],
  ['one that can be felt: for half of it nobody is heard', { ms: 60 }, { restMs: 30, waitMs: 14_940 }],
  ['one that keeps other cores busy', { ms: 20, cpuMs: 50 }, { restMs: 0, waitMs: 12_450 }],
  ['however long one takes, it looks again soon', { ms: 3000 }, { restMs: 1500, waitMs: 30_000 }],
  ['what the engine takes keeps nobody waiting', { ms: 3000, engineMs: 2990 }, { restMs: 0, waitMs: 30_000 }],
  ['one that failed', { ms: 4, failures: 1 }, { restMs: 1000, waitMs: 0 }],
  [
    'one that failed after a long time waits no longer',
    { ms: 5000, failures: 1 },
    { restMs: 1000, waitMs: 0 },
  ],
  ['the third that failed', { ms: 4, failures: 3 }, { restMs: 5000, waitMs: 0 }],
  ['all after it', { ms: 4, failures: 99 }, { restMs: 10_000, waitMs: 0 }],
]

test.each(table)('%s', (_, times, pauses) => {
  expect(pausesAfter({ ms: 0, engineMs: 0, cpuMs: 0, failures: 0, ...times })).toEqual(pauses)
})
