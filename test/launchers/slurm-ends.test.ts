import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { hasSlurm } from '../support/slurm.ts'
import { launchOne, specOf } from './local-engine.ts'
import { clear, find, launchAll, lookUntil, useSlurm, waitForEnd, waitForStart } from './slurm-engine.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!hasSlurm())('how jobs of Slurm wait and end', () => {
  const story = useSlurm({ nodes: 2, cpus: 2, memoryMib: 2048 })

  test('a job that waits says why in Slurm’s word and in ours', async () => {
    const launcher = await story.open()
    const ids = await launchAll(
      launcher,
      Array.from({ length: 3 }, () => specOf(['sleep', '1000'], { size: { cpus: 2, memory: 0.25 } })),
    )
    const view = await lookUntil(launcher, ids, each =>
      each.workers.some(
        ({ state }) => state.kind === 'queued' && state.message?.includes('Resources') === true,
      ),
    )
    const queued = view.workers.filter(({ state }) => state.kind === 'queued')
    expect(queued).toHaveLength(1)
    expect(queued[0]).toMatchObject({ node: null, address: null })
    const state = queued[0]?.state
    expect(state?.kind === 'queued' ? state.message : undefined).toContain(
      'Slurm: Resources (other jobs have the room it needs).',
    )
    await clear(launcher, ids)
  })

  test('a closed partition is told; what is cancelled while it waits is gone, and never runs', async () => {
    const launcher = await story.open()
    await story.site.run('scontrol', 'update', 'PartitionName=main', 'State=DOWN')
    const id = await launchOne(launcher, ['true'])
    await lookUntil(launcher, [id], view => {
      const state = find(view, id)?.state
      return state?.kind === 'queued' && state.message?.includes('PartitionDown') === true
    })
    await story.cancelAll()
    await story.site.run('scontrol', 'update', 'PartitionName=main', 'State=UP')
    await lookUntil(launcher, [id], ({ gone }) => gone.has(id))
    expect(await story.site.listJobs()).toEqual([])
  })

  test('an administrator who cancels a job is not taken for the program', async () => {
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForStart(launcher, id)
    await story.cancelAll()
    expect(await waitForEnd(launcher, id)).toMatchObject({
      ...{ signal: 'SIGTERM', reason: 'worker_lost' },
      message: 'was cancelled in Slurm, not by this server: an administrator may have done so (CANCELLED)',
    })
    await clear(launcher, [id])
  })

  test('a job that has to make room for a more urgent one says so', async () => {
    const launcher = await story.open()
    const urgent = await story.open('urgent', { settings: { partition: 'urgent' } })
    const [id = ''] = await launchAll(launcher, [
      specOf(['sleep', '1000'], { size: { cpus: 2, memory: 0.25 } }),
    ])
    await waitForStart(launcher, id)
    // More than is left beside it, on the other node alone.
    const others = await launchAll(
      urgent,
      Array.from({ length: 2 }, () => specOf(['sleep', '1000'], { size: { cpus: 2, memory: 0.25 } })),
    )
    const end = await waitForEnd(launcher, id)
    expect([end.reason, end.message]).toEqual([
      'preempted',
      'had to make room for another job (Slurm: PREEMPTED)',
    ])
    await clear(urgent, others)
    await clear(launcher, [id])
  })

  test('more than any node has is refused with Slurm’s words, and leaves nothing', async () => {
    const launcher = await story.open('refusing')
    const [outcome] = await launcher.launch([specOf(['true'], { size: { cpus: 1, memory: 100 } })])
    expect(outcome).toEqual({
      kind: 'refused',
      message:
        'Slurm refuses it: Memory specification can not be satisfied; Requested node configuration is not available.',
    })
    expect(readdirSync(join(story.folder, 'refusing', 'workers'))).toEqual([])
  })

  test('a job whose folder somebody has removed is nobody’s any more, and is cancelled', async () => {
    const launcher = await story.open('removed')
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForStart(launcher, id)
    const workers = join(story.folder, 'removed', 'workers')
    for (const name of readdirSync(workers)) rmSync(join(workers, name), { recursive: true })
    const view = await launcher.list([id])
    expect(view.workers, 'it costs something').toHaveLength(1)
    expect([...view.gone], 'it may be that one').toEqual([])
    expect(view.workers[0]?.id).not.toBe(id)
    await launcher.terminate(view.workers.map(({ handle }) => handle))
    await lookUntil(launcher, [id], ({ gone }) => gone.has(id))
    expect(await story.site.listJobs()).toEqual([])
  })
})

// Slurm looks at limits and at its nodes twice a minute at most.
describe.skipIf(!hasSlurm()).concurrent('what Slurm takes its time for', { timeout: 200_000 }, () => {
  const story = useSlurm({ nodes: 2, cpus: 2, memoryMib: 2048, minJobAge: 2 })

  test('a job that has ended is forgotten after MinJobAge, and how it ended is known all the same', async () => {
    const first = await story.open('forgetting')
    const id = await launchOne(first, ['sh', '-c', 'exit 7'])
    await first.close()
    const name = `clusters-${first.home.replace('slurm:', '')}-`
    const isKnown = async () => (await story.site.run('squeue', '-h', '-t', 'all', '-o', '%j')).includes(name)
    while (await isKnown()) await sleep(1000)
    const second = await story.open('forgetting')
    expect(await waitForEnd(second, id)).toMatchObject({ exitCode: 7, reason: undefined, message: null })
    await clear(second, [id])
  })

  test('a time limit ends it, with its own reason', async () => {
    const launcher = await story.open('timed', { settings: { timeLimitMinutes: 1 } })
    const id = await launchOne(launcher, ['sleep', '1000'], { lifetimeSeconds: 3600 })
    const end = await waitForEnd(launcher, id)
    expect(end).toMatchObject({ reason: 'time_limit' })
    expect(end.message).toBe('reached its time limit of 1:00 in Slurm (TIMEOUT)')
    await clear(launcher, [id])
  })

  test('a node that dies takes its worker with it, and says so', async () => {
    const launcher = await story.open('dying', { settings: { flags: ['--nodelist=n2'] } })
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForStart(launcher, id)
    await story.site.killNode('n2')
    expect(await waitForEnd(launcher, id)).toMatchObject({
      ...{ exitCode: null, reason: 'node_failed' },
      message: 'was lost with its node n2 (Slurm: NODE_FAIL)',
    })
    await clear(launcher, [id])
  })
})

describe.skipIf(!hasSlurm() || !isRoot)('where Slurm holds jobs to what they asked for', () => {
  const story = useSlurm({ nodes: 1, cpus: 2, memoryMib: 1024, confine: true })

  test('a worker that takes more memory is ended for it, and its peak is known', async () => {
    const launcher = await story.open()
    expect((await launcher.describe()).enforced).toEqual({ cpus: true, memory: true })
    const id = await launchOne(launcher, ['tail', '/dev/zero'], {
      size: { cpus: 1, memory: 0.0625 },
    })
    const end = await waitForEnd(launcher, id)
    expect(end.reason).toBe('out_of_memory')
    expect(end.message).toMatch(/^was over its memory of 0\.0625 GiB \(peak [\d.]+ GiB\): ask for more/)
    await clear(launcher, [id])
  })

  test('what a worker used is known at its end', async () => {
    const launcher = await story.open()
    const work = 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'
    const id = await launchOne(launcher, ['sh', '-c', work])
    await waitForEnd(launcher, id)
    const use = find(await launcher.list([id]), id)?.use
    expect(use?.cpuSeconds).toBeGreaterThan(0.05)
    expect(use?.peakMemoryBytes).toBeGreaterThan(100_000)
    await clear(launcher, [id])
  })
})
