import { expect, test } from 'vitest'
import { CLUSTER_REASONS } from './cluster.ts'
import { describeDuration, endedByItself, explainEnd, toClusterReason, WORKER_END_REASONS } from './worker.ts'

const end = (fields: Partial<Parameters<typeof explainEnd>[0]>) =>
  explainEnd({ exitCode: null, signal: null, ranMs: null, isToldTo: false, ...fields })

test.each([
  ['completed', 'ended with exit code 0 after 3 s', { exitCode: 0, ranMs: 3000 }],
  ['completed', 'ended with exit code 0', { exitCode: 0 }],
  ['worker_exited', 'ended with exit code 3 after 61 s', { exitCode: 3, ranMs: 61_000 }],
  [
    'worker_exited',
    'was ended by the signal SIGKILL after 0.1 s, which this server did not send: somebody on that machine did, or the system itself',
    { signal: 'SIGKILL', ranMs: 100 },
  ],
  ['worker_exited', 'was ended by the signal SIGSEGV: a fault in its program', { signal: 'SIGSEGV' }],
  ['worker_exited', 'was ended by the signal SIGKILL', { signal: 'SIGKILL', isToldTo: true }],
  ['worker_exited', 'was ended by the signal SIGUSR1', { signal: 'SIGUSR1' }],
  ['worker_lost', 'ended after 5 s; nobody knows how', { ranMs: 5000 }],
  ['worker_exited', 'ended with exit code 127 after 5 s', { exitCode: 127, ranMs: 5000 }],
  ['worker_exited', 'ended with exit code 127', { exitCode: 127 }],
] as const)('%s: %s', (reason, message, how) => {
  expect(end(how)).toEqual({ reason, message })
})

test.each([
  [127, 'no such program'],
  [126, 'cannot be executed'],
])('exit code %s at once means that there is %s, and what to do', (exitCode, words) => {
  const { reason, message } = end({ exitCode, ranMs: 4999 })
  expect(reason).toBe('program_not_found')
  expect(message).toContain(words)
  expect(message).toContain(`(exit code ${exitCode}): `)
})

test('the end of a worker can always be told in the words of clusters', () => {
  for (const reason of WORKER_END_REASONS) expect(CLUSTER_REASONS).toContain(toClusterReason(reason))
})

test('what was not wanted, or never began, says nothing against the program', () => {
  expect(WORKER_END_REASONS.filter(reason => !endedByItself(reason))).toEqual([
    ...['scheduler_replaced', 'scaled_down', 'cluster_stopped', 'never_started'],
  ])
})

test.each([
  [-5, '0 s'],
  [0, '0 s'],
  [449, '0.4 s'],
  [9949, '9.9 s'],
  [9950, '10 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_199_000, '120 min'],
  [7_200_000, '2 h'],
  [360_000_000, '100 h'],
])('%s ms are %s', (ms, words) => {
  expect(describeDuration(ms)).toBe(words)
})
