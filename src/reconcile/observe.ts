import type { RecordedWorker, WorkerClosing, WorkerProgress } from '../database/workers.ts'
import { explainEnd, type WorkerEndReason, type WorkerStatus } from '../domain/worker.ts'
import type { Handle, ObservedWorker, WorkerEnd } from '../launchers/launcher.ts'
import { toTimestamp } from '../lib/clock.ts'
import { toPlainText } from './plain-text.ts'
import type { Look } from './snapshot.ts'

/** One recorded worker against what the engine shows. Pure. */

/** A worker as it is known now: what is recorded, and what was seen since. */
export type SeenWorker = RecordedWorker

export interface Observation {
  /** The recorded one itself while nothing else is known: a pass over very many must not copy them. */
  readonly seen: SeenWorker
  /** As the engine shows it; absent: not at all, or it is known to have ended already. */
  readonly observed?: ObservedWorker
  /** Why it waits for a place, in the engine's words. */
  readonly waitsFor?: string | null
  readonly progress?: WorkerProgress
  readonly closing?: WorkerClosing
  /** To be ended, or cleared. */
  readonly terminate?: Handle
  /** It has ended, and its output can still be read. */
  readonly hasOutput?: boolean
}

/** Nothing more is known of how it ended than what is recorded already. */
export const NO_END = {
  reason: null,
  message: null,
  exitCode: null,
  signal: null,
  startedAt: null,
  cpuSeconds: null,
  peakMemoryBytes: null,
} as const

export function observeWorker(worker: RecordedWorker, look: Look, now: Date): Observation {
  const unchanged = { seen: worker }
  if (worker.status === 'ended' || look.kind === 'unreachable') return unchanged
  const observed = look.workers.get(worker.id)
  if (observed === undefined) {
    return look.gone.has(worker.id) ? recordGone(worker, now) : unchanged
  }
  if (observed.state.kind === 'ended') return recordEnd(worker, observed, observed.state)
  if (worker.status === 'stopping') return { seen: worker, observed, terminate: observed.handle }
  return recordProgress(worker, observed)
}

/** It does not exist any more, which is what a worker that is being stopped comes to. */
function recordGone(worker: RecordedWorker, now: Date): Observation {
  const endedAt = toTimestamp(now)
  const known = explainGone(worker)
  return {
    seen: {
      ...worker,
      ...(known === undefined ? {} : known),
      status: 'ended',
      endedAt,
    },
    closing: { ...NO_END, ...known, id: worker.id, status: 'ended', endedAt },
  }
}

/** `undefined`: it was being stopped, and its reason is recorded. */
function explainGone({
  status,
  reason,
}: RecordedWorker): { reason: WorkerEndReason; message: string } | undefined {
  if (status === 'stopping' && reason !== null) return undefined
  if (status === 'launching') {
    return { reason: 'never_started', message: 'did not begin: its launch was broken off' }
  }
  return {
    reason: 'worker_lost',
    message: 'is gone, and the engine does not know how it ended: it may have been removed by hand',
  }
}

/** Its end is recorded first and decided on in the next pass, when its last output is known as well. */
function recordEnd(worker: RecordedWorker, observed: ObservedWorker, end: WorkerEnd): Observation {
  const { handle, use } = observed
  const ended = { observed, terminate: handle, hasOutput: true }
  if (worker.status === 'stopping' && worker.message !== null) {
    return { ...ended, hasOutput: false, seen: worker }
  }
  const explained = explainEnd({
    exitCode: end.exitCode,
    signal: end.signal,
    ranMs: end.startedAt === null ? null : end.endedAt.getTime() - end.startedAt.getTime(),
    isToldTo: worker.status === 'stopping',
  })
  const startedAt = end.startedAt === null ? null : toTimestamp(end.startedAt)
  return {
    ...ended,
    // What it was stopped for says more than the signal that did it.
    seen: { ...worker, status: 'stopping' },
    closing: {
      id: worker.id,
      status: 'stopping',
      reason: worker.status === 'stopping' ? null : (end.reason ?? explained.reason),
      message: end.message === null ? explained.message : toPlainText(end.message),
      exitCode: end.exitCode,
      signal: end.signal,
      startedAt,
      cpuSeconds: use.cpuSeconds,
      peakMemoryBytes: use.peakMemoryBytes,
      endedAt: null,
    },
  }
}

function recordProgress(worker: RecordedWorker, observed: ObservedWorker): Observation {
  const { state, node, address } = observed
  const status: WorkerStatus = state.kind === 'ended' ? 'stopping' : state.kind
  const waitsFor = state.kind === 'queued' && state.message !== null ? toPlainText(state.message) : null
  const isKnown = worker.status === status && worker.node === node && worker.address === address
  if (isKnown) return { seen: worker, observed, waitsFor }
  const startedAt = worker.startedAt ?? (state.kind === 'started' ? toTimestamp(state.startedAt) : null)
  return {
    seen: { ...worker, status, startedAt, node, address },
    observed,
    waitsFor,
    progress: { id: worker.id, status, node, address, startedAt },
  }
}
