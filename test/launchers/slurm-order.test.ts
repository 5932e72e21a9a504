import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { placeOf, Places, type Place } from '../../src/launchers/slurm/places.ts'

/** What a job and a server do with the order of a worker, without a Slurm: the script is run as Slurm would. */

const SCRIPT = readFileSync(new URL('../../src/launchers/slurm/job.sh', import.meta.url), 'utf8')

const folder = mkdtempSync(join(tmpdir(), 'order-'))
const { places } = await Places.open(folder)
await places.writeNodes('n1 127.0.0.1\n')

afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function order(task: number): Promise<Place> {
  const place = placeOf('batch', task, `worker${task}`)
  await places.create(place, "echo begun on $node_address; exec sh -c 'exit 7' </dev/null\n", {})
  return place
}

/** The exit code of the job. */
function run({ batch, task }: Place): number | null {
  const environment = { PATH: process.env['PATH'], SLURM_JOB_ID: '1', SLURMD_NODENAME: 'n1' }
  const { status } = spawnSync('sh', ['-s'], {
    input: places.scriptHead(batch) + SCRIPT,
    env: { ...environment, SLURM_ARRAY_TASK_ID: String(task) },
  })
  return status
}

test('a job does what its order says, once: one that comes again does nothing', async () => {
  const place = await order(1)
  expect(await places.look(place)).toBe('ordered')
  expect(run(place)).toBe(7)
  expect(await places.look(place)).toBe('ended')
  expect((await places.listNews()).toSorted()).toEqual([`${place.name}.begun`, `${place.name}.ended`])
  expect(run(place)).toBe(0)
  expect(await places.readFile(place, 'output')).toBe('begun on 127.0.0.1\n')
})

test('of an order that was withdrawn nothing is run, and one that was taken is not withdrawn', async () => {
  const withdrawn = await order(2)
  expect(await places.withdraw(withdrawn)).toBe(true)
  expect(await places.look(withdrawn)).toBe('withdrawn')
  expect(run(withdrawn)).toBe(0)
  expect(await places.readFile(withdrawn, 'output')).toBe('')
  expect(await places.withdraw(withdrawn)).toBe(false)

  const taken = await order(3)
  run(taken)
  expect(await places.withdraw(taken)).toBe(false)
  expect(await places.readFile(taken, 'order')).toContain('exit 7')
})

test('a job that is in a folder already whose order is withdrawn and whose files are going runs nothing', async () => {
  const place = await order(4)
  await places.withdraw(place)
  rmSync(join(folder, 'workers', place.name, 'taken'))
  expect(run(place)).not.toBe(7)
  expect(await places.readFile(place, 'output')).not.toContain('begun')
})

test('a job whose folder is gone does nothing, and a removed one leaves nothing', async () => {
  const place = await order(5)
  await places.remove(place)
  expect(await places.look(place)).toBe('absent')
  expect(await places.withdraw(place)).toBe(false)
  expect(run(place)).toBe(0)
  expect(readdirSync(join(folder, 'removed'))).toEqual([])
  expect(existsSync(join(folder, 'workers', place.name))).toBe(false)
})
