import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { EngineView } from '../../src/launchers/launcher.ts'
import type { SlurmLauncher } from '../../src/launchers/slurm/slurm-launcher.ts'
import { hasSlurm } from '../support/slurm.ts'
import { launchOne, specOf } from './local-engine.ts'
import { clear, find, launchAll, lookUntil, useSlurm, waitForEnd, waitForStart } from './slurm-engine.ts'
import { newWorkerId } from './worker-ids.ts'

const PROCESS = fileURLToPath(new URL('slurm-launching-process.ts', import.meta.url))

describe.skipIf(!hasSlurm())('what breaks around a Slurm', () => {
  const story = useSlurm({ nodes: 3, cpus: 20 })

  /** Says on the shared file system that it runs, so that running twice would be seen. */
  function marking(id: string, marks: string) {
    return specOf(['sh', '-c', 'echo started >> "$0"; exec sleep 1000', join(marks, id)], { id })
  }

  function countStarts(marks: string, id: string): number {
    try {
      return readFileSync(join(marks, id), 'utf8').split('\n').length - 1
    } catch {
      return 0
    }
  }

  function makeMarks(name: string): string {
    const marks = join(story.folder, `${name}.marks`)
    mkdirSync(marks)
    return marks
  }

  test('a controller that is down says nothing, and when it is back all is as it was', async () => {
    const launcher = await story.open('restarted')
    const ids = await launchAll(
      launcher,
      Array.from({ length: 3 }, () => specOf(['sleep', '1000'])),
    )
    const isStarted = (view: EngineView) => ids.every(id => find(view, id)?.state.kind === 'started')
    const before = await lookUntil(launcher, ids, isStarted)
    await story.site.stopController()
    const handles = before.workers.map(({ handle }) => handle)
    const calls = [launcher.list(ids), launcher.describe(), launcher.terminate(handles)]
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { name: 'SlurmError' } })
    }
    story.site.startController()
    const after = await lookUntil(launcher, ids, () => true)
    const byId = (view: EngineView) => new Map(view.workers.map(worker => [worker.id, worker]))
    expect(byId(after)).toEqual(byId(before))
    await clear(launcher, ids)
  })

  test('a controller that is killed forgets what it did last, and runs jobs again: no worker runs twice', async () => {
    const marks = makeMarks('again')
    const launcher = await story.open('again')
    const ids = Array.from({ length: 3 }, newWorkerId)
    await launchAll(
      launcher,
      ids.map(id => marking(id, marks)),
    )
    await lookUntil(launcher, ids, view => ids.every(id => find(view, id)?.state.kind === 'started'))
    await story.site.stopController('SIGKILL')
    story.site.startController()
    await lookUntil(launcher, ids, view =>
      ids.every(id => ['started', 'ended'].includes(find(view, id)?.state.kind ?? '')),
    )
    expect(ids.map(id => countStarts(marks, id))).toEqual(ids.map(() => 1))
    await clear(launcher, ids)
    // It may have begun some of them again meanwhile, which nothing claims any more.
    for (const startedAt = performance.now(); (await story.site.listJobs()).length > 0; await sleep(100)) {
      expect(performance.now() - startedAt).toBeLessThan(60_000)
      const { workers } = await launcher.list(ids)
      await launcher.terminate(workers.map(({ handle }) => handle))
    }
    expect(ids.map(id => countStarts(marks, id))).toEqual(ids.map(() => 1))
  })

  test('a launch while the controller is down is not lost for good, nor runs later by itself', async () => {
    const marks = makeMarks('down')
    const warnings: string[] = []
    const launcher = await story.open('down', { onWarning: message => warnings.push(message) })
    await story.site.stopController()
    const id = newWorkerId()
    expect(await launcher.launch([marking(id, marks)])).toEqual([{ kind: 'asked' }])
    expect(warnings.join()).toMatch(
      /^It is not known whether Slurm has taken a job: Unable to contact slurm controller/,
    )
    story.site.startController()
    await lookUntil(launcher, [id], ({ gone }) => gone.has(id))
    await sleep(1000)
    expect(countStarts(marks, id)).toBe(0)
  })

  test('ends that Slurm has forgotten while the server was down are told by what the jobs wrote', async () => {
    const first = await story.open('forgotten')
    const id = await launchOne(first, ['sh', '-c', 'echo said; exit 7'])
    expect(await waitForEnd(first, id)).toMatchObject({ exitCode: 7 })
    const seenAt = new Date()
    await first.close()
    await story.site.forgetJobs()
    const second = await story.open('forgotten')
    const end = await waitForEnd(second, id)
    expect(end).toMatchObject({ exitCode: 7, signal: null, reason: undefined, message: null })
    expect(end.startedAt).toBeInstanceOf(Date)
    expect(end.endedAt.getTime()).toBeLessThanOrEqual(seenAt.getTime())
    expect(await readAll(second, id)).toBe('said\n')
    await clear(second, [id])
  })

  test('a job that Slurm has lost altogether has ended, and nobody knows how', async () => {
    const launcher = await story.open('lost')
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForStart(launcher, id)
    await story.site.forgetJobs()
    expect(await waitForEnd(launcher, id)).toMatchObject({
      ...{ exitCode: null, reason: 'worker_lost' },
      message: 'has ended, and Slurm does not know any more how',
    })
    await clear(launcher, [id])
  })

  test.each([
    ['has taken the job, and its answer was lost', 'after', 1],
    ['was never reached', 'instead', 0],
  ])('Slurm %s: it is found out, and the worker runs once or never', async (_name, when, starts) => {
    const marks = makeMarks(when)
    const launcher = await story.open(when, {
      environment: {
        ...story.site.environment,
        PATH: `${makeSbatch(when)}:${story.site.environment['PATH']}`,
      },
      onWarning: () => undefined,
    })
    const id = newWorkerId()
    expect(await launcher.launch([marking(id, marks)])).toEqual([{ kind: 'asked' }])
    if (starts === 1) {
      await waitForStart(launcher, id)
      await lookUntil(launcher, [id], () => countStarts(marks, id) === 1)
      await clear(launcher, [id])
    } else {
      await lookUntil(launcher, [id], ({ gone }) => gone.has(id))
    }
    // As a submission that was on its way all the time.
    await story.site.submitAgain(join(story.folder, `${when}.submitted`))
    expect(countStarts(marks, id)).toBe(starts)
    expect((await launcher.list([id])).workers).toEqual([])
  })

  /** Writes down what it is called with; submits it, or does not; and fails as if nobody had answered. */
  function makeSbatch(when: string): string {
    const bin = join(story.folder, `${when}.bin`)
    mkdirSync(bin)
    const record = join(story.folder, `${when}.submitted`)
    mkdirSync(record)
    const submit = when === 'after' ? 'PATH=${PATH#*:}; sbatch "$@" <"$record/script"\n' : ''
    writeFileSync(
      join(bin, 'sbatch'),
      `#!/bin/sh\nrecord=${record}\ncat >"$record/script"\nfor arg in "$@"; do printf '%s\\n' "$arg"; done >"$record/args"\n${submit}` +
        'echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2\nexit 1\n',
    )
    chmodSync(join(bin, 'sbatch'), 0o755)
    return bin
  }

  test('two installations on one Slurm never touch each other’s jobs', async () => {
    const [one, two] = await Promise.all([story.open('one'), story.open('two')])
    const launch = (launcher: SlurmLauncher) =>
      launchAll(
        launcher,
        Array.from({ length: 4 }, () => specOf(['sleep', '1000'])),
      )
    const [ofOne, ofTwo] = await Promise.all([launch(one), launch(two)])
    await lookUntil(two, ofTwo, view => ofTwo.every(id => find(view, id)?.state.kind === 'started'))
    expect((await one.list([])).workers.map(({ id }) => id).toSorted()).toEqual(ofOne.toSorted())
    await clear(one, ofOne)
    const { workers } = await two.list([])
    expect(new Map(workers.map(({ id, state }) => [id, state.kind]))).toEqual(
      new Map(ofTwo.map(id => [id, 'started'])),
    )
    expect(await story.site.listJobs()).toHaveLength(4)
    await clear(two, ofTwo)
    expect(await story.site.listJobs()).toEqual([])
  })

  test('a server that is killed while it launches has started each worker once or never', async () => {
    const marks = makeMarks('killed')
    const ids: string[] = []
    for (const delayMs of [0, 2, 5, 10, 15, 20, 25, 35, 60, 120])
      ids.push(...(await launchAndKill(marks, delayMs)))
    const launcher = await story.open('killed')
    const view = await lookUntil(launcher, ids, ({ workers, gone }) => {
      const started = workers.filter(({ state }) => state.kind === 'started')
      return started.length === workers.length && workers.length + gone.size === ids.length
    })
    const started = view.workers.map(({ id }) => id)
    expect([started.length, view.gone.size], 'some of each').not.toContain(0)
    await lookUntil(launcher, ids, () => started.every(id => countStarts(marks, id) > 0))
    // Long after a job that was under way would have come to its order.
    await sleep(2000)
    expect(ids.map(id => [id, countStarts(marks, id)])).toEqual(
      ids.map(id => [id, view.gone.has(id) ? 0 : 1]),
    )
    expect(await story.site.listJobs()).toHaveLength(started.length)
    await clear(launcher, started)
    expect(await story.site.listJobs()).toEqual([])
    expect(readdirSync(join(story.folder, 'killed', 'workers'))).toEqual([])
  })

  async function launchAndKill(marks: string, delayMs: number): Promise<string[]> {
    const ids = Array.from({ length: 4 }, newWorkerId)
    const args = ['--import', 'tsx', PROCESS, join(story.folder, 'killed'), marks, ...ids]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...story.site.environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(resolve => child.once('exit', resolve))
    await new Promise(resolve => child.stdout.once('data', resolve))
    await sleep(delayMs)
    child.kill('SIGKILL')
    await ended
    return ids
  }

  test('a folder that others can write is refused', async () => {
    const folder = join(story.folder, 'open')
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    await expect(story.open('open')).rejects.toThrow(
      `CLUSTERS_SLURM_FOLDER is ${folder}, which others can write: whoever can has programs run as this user. chmod go-w it.`,
    )
    rmSync(folder, { recursive: true })
  })

  test('programs of Slurm that are missing, and partitions that are, are told at the start', async () => {
    await expect(story.open('missing', { environment: { PATH: '/nowhere' } })).rejects.toThrow(
      "CLUSTERS_ENGINE is slurm, but there is no program sinfo in PATH: install Slurm's client programs on this machine.",
    )
    await expect(story.open('missing', { settings: { partition: 'main,gpu' } })).rejects.toThrow(
      'CLUSTERS_SLURM_PARTITION or a runtime of slurm_runtimes names gpu, which this Slurm has not; it has main, urgent.',
    )
  })
})

async function readAll(launcher: SlurmLauncher, id: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of launcher.logs(id, { signal: AbortSignal.timeout(10_000) })) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
