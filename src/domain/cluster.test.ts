import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CLUSTER_REASONS, CLUSTER_STATUSES, isLive, mayFollow, type ClusterStatus } from './cluster.ts'

const statuses = fc.constantFrom(...CLUSTER_STATUSES)

/** How far a cluster has come in its life. */
const STAGE: Record<ClusterStatus, number> = {
  pending: 0,
  starting: 1,
  running: 2,
  stopping: 3,
  stopped: 4,
  failed: 4,
}

test('a status never goes back, nor follows itself', () => {
  fc.assert(
    fc.property(statuses, statuses, (from, to) => {
      if (mayFollow(from, to)) expect(STAGE[to]).toBeGreaterThan(STAGE[from])
    }),
  )
})

test.each(['stopped', 'failed'] as const)('nothing follows %s: it has ended', ended => {
  expect(isLive(ended)).toBe(false)
  for (const status of CLUSTER_STATUSES) expect(mayFollow(ended, status)).toBe(false)
})

test.each(CLUSTER_STATUSES.filter(isLive))('from %s a cluster can always end, either way', status => {
  expect(mayFollow(status, 'stopped')).toBe(true)
  expect(mayFollow(status, 'failed')).toBe(true)
})

test('what can be reached by several steps never brings an ended cluster back', () => {
  const walks = fc.array(statuses, { maxLength: 20 })
  fc.assert(
    fc.property(walks, wishes => {
      let status: ClusterStatus = 'pending'
      let hasEnded = false
      for (const wish of wishes) {
        if (mayFollow(status, wish)) status = wish
        expect(hasEnded && isLive(status)).toBe(false)
        hasEnded ||= !isLive(status)
      }
    }),
  )
})

test('just stopped and failed have ended', () => {
  expect(CLUSTER_STATUSES.filter(status => !isLive(status))).toEqual(['stopped', 'failed'])
})

test('the statuses and reasons are those of the contract, each once', () => {
  expect(CLUSTER_STATUSES).toEqual(['pending', 'starting', 'running', 'stopping', 'stopped', 'failed'])
  expect(new Set(CLUSTER_REASONS).size).toBe(CLUSTER_REASONS.length)
  expect(CLUSTER_REASONS).toHaveLength(22)
})
