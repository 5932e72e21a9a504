import { expect, test } from 'vitest'
import { parsePositions } from './queue.ts'
import { describeWait } from './waiting.ts'

const wait = (reason?: string, startAt?: Date, position?: number) =>
  describeWait({ reason, startAt }, position)

test.each([
  ['Resources', 'other jobs have the room it needs'],
  ['Priority', 'other jobs are before it in the queue'],
  ['QOSMaxCpuPerUserLimit', 'a limit of the account or of its quality of service is reached'],
  ['AssocGrpCpuLimit', 'a limit of the account or of its quality of service is reached'],
  ['ReqNodeNotAvail, UnavailableNodes:n[1-3]', 'the nodes it needs are down, drained or reserved'],
  ['ReqNodeNotAvail, May be reserved for other job', 'the nodes it needs are down, drained or reserved'],
  ['ReqNodeNotAvail(Unavailable:n1)', 'the nodes it needs are down, drained or reserved'],
  ['Nodes_required_for_job_are_DOWN,_DRAINED', 'no node that is up can run it as it was asked for'],
  ['PartitionConfig', 'it asks for more than its partition allows'],
  ['PartitionTimeLimit', 'it asks for more than its partition allows'],
  ['PartitionDown', 'its partition is closed now'],
  ['JobHeldAdmin', 'it is held'],
  ['JobArrayTaskLimit', 'it waits for other jobs'],
  ['Reservation', 'it waits for a reservation'],
])('%s is said in words as well', (reason, words) => {
  expect(wait(reason)).toBe(`Slurm: ${reason} (${words}).`)
})

test('a word that nobody here knows is passed on as it is', () => {
  expect(wait('MaxSomething')).toBe('Slurm: MaxSomething.')
  expect(wait()).toBe('Slurm has it in the queue.')
})

test('says how many are before it, and when it may start', () => {
  const startAt = new Date('2026-11-28T14:05:00Z')
  expect(wait('Priority', startAt, 3)).toBe(
    'Slurm: Priority (other jobs are before it in the queue). 3 jobs wait before it. ' +
      'Slurm expects to start it at 2026-11-28 14:05 UTC.',
  )
  expect(wait('Resources', undefined, 0)).toContain('It is the next one.')
  expect(wait('Resources', undefined, 1)).toContain('One job waits before it.')
})

test('the place in the queue is counted for each partition', () => {
  const output = '40|long\n41_[0-99]|main\n42|main\n43|long\n44_[3]|main\nerror\n'
  expect([...parsePositions(output)]).toEqual([
    ['40', 0],
    ['41', 0],
    ['42', 1],
    ['43', 1],
    ['44', 2],
  ])
})
