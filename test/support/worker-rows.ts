import type { Database } from '../../src/database/database.ts'
import { insertWorkers, updateWorkers } from '../../src/database/workers.ts'
import type { WorkerId, WorkerRole } from '../../src/domain/worker.ts'
import { randomText } from '../../src/lib/id.ts'

const NOW = '2026-11-23T10:00:00.000Z'

interface Seat {
  readonly clusterId: number
  readonly creatorId: number
  readonly role?: WorkerRole
  readonly seat?: number
  readonly attempt?: number
  readonly isReplacement?: boolean
}

/** Records a launch as the loop would; gives the worker's id. */
export async function recordLaunch(database: Database, seat: Seat): Promise<WorkerId> {
  const id = `w${randomText(9)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '0')}`
  const worker = { id, role: 'worker' as const, seat: 0, attempt: 1, isReplacement: false, ...seat }
  const rest = { schedulerId: null, cpus: 1, memory: 1 }
  await database.transaction(trx => insertWorkers(trx, database.dialect, [{ ...worker, ...rest }], NOW))
  return id
}

/** The engine has been seen to run it. */
export async function recordStart(database: Database, id: WorkerId): Promise<void> {
  const progress = { id, status: 'started' as const, node: 'node-1', address: '10.0.0.1', startedAt: NOW }
  await database.transaction(trx => updateWorkers(trx, database.dialect, [progress], []))
  database.announceChange()
}

/** It is confirmed gone. */
export async function recordEnd(database: Database, id: WorkerId, exitCode = 0): Promise<void> {
  const reason = exitCode === 0 ? ('completed' as const) : ('worker_exited' as const)
  const closing = { id, status: 'ended' as const, reason, message: `exit code ${exitCode}`, exitCode }
  const rest = { signal: null, startedAt: NOW, cpuSeconds: 1.5, peakMemoryBytes: 1024, endedAt: NOW }
  await database.transaction(trx => updateWorkers(trx, database.dialect, [], [{ ...closing, ...rest }]))
  database.announceChange()
}
