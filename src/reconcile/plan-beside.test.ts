import { expect, test } from 'vitest'
import {
  ago,
  cluster,
  idOf,
  losing,
  planFor,
  running,
  showStarted,
  tell,
  worker,
  type Around,
} from '../../test/support/snapshots.ts'
import type { RecordedCluster } from './snapshot.ts'

/** What clusters, and what nobody has recorded, have to do with each other, as a table. */
type Row = [name: string, recorded: RecordedCluster[], around: Around, planned: string[]]

const table: Row[] = [
  [
    'what nothing claims is ended',
    [running(1, 1)],
    { shows: { ...showStarted(1, 1), stranger: 'started', other: 'queued' } },
    ['terminate stranger', 'terminate other'],
  ],
  [
    'so is what is recorded as ended and runs all the same',
    [losing(1, { endedAt: ago(0.5) })],
    { shows: showStarted(1, 1) },
    ['cluster 1 stays running: worker_lost', 'terminate worker-0@1'],
  ],
  [
    'nothing is concluded of a worker that was not asked for',
    [cluster('pending', [worker(0, 'launching')])],
    { notAskedFor: [idOf(0)] },
    [],
  ],
  [
    'one fails, and the other goes on as if nothing were',
    [losing(1, { attempt: 5 }), running(2, 1)],
    { shows: showStarted(2, 1) },
    ['cluster 1 becomes failed: crash_loop'],
  ],
  ['nothing is recorded, nothing is shown: nothing is done', [], {}, []],
]

test.each(table)('%s', (_, recorded, around, planned) => {
  expect(tell(planFor(recorded, around))).toEqual(planned)
})
