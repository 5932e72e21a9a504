import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { Launcher } from '../../src/launchers/launcher.ts'
import {
  findTagged,
  isRoot,
  launchOne,
  LocalStory,
  readLog,
  terminateWholly,
  waitForEnd,
  waitForState,
  waitUntil,
} from './local-engine.ts'

const stories: LocalStory[] = []
afterEach(async () => {
  for (const story of stories.splice(0)) await story.end()
})
function tell(changes: ConstructorParameters<typeof LocalStory>[0] = {}): LocalStory {
  const story = new LocalStory(changes)
  stories.push(story)
  return story
}

/** Of this home. */
function countShells(folder: string): number {
  return readdirSync('/proc').filter(name => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(folder)
    } catch {
      return false
    }
  }).length
}

/** Where root may not make cgroups, as in most containers, the kernel limits nothing for us. */
const canLimit = isRoot && readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup')

/** Above what the kernel gives. */
const DEAD_PID = 2 ** 22 + 1

/** Where the groups of its workers are. */
function listBases({ home }: Launcher): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => / - cgroup2? /.test(line))
    .map(line => `${line.split(' ')[4] ?? ''}/clusters-${home.slice('local:'.length)}`)
    .filter(path => existsSync(path))
}

describe.skipIf(!canLimit)('with cgroups (skipped where this user cannot make any)', () => {
  test('says that everything is enforced', async () => {
    const facts = await (await tell().open()).describe()
    expect(facts.enforced).toEqual({ cpus: true, memory: true })
    expect(facts.summary).toMatch(/^Workers are held to their memory, CPUs and processes \(cgroup v[12]\)\.$/)
  })

  test('a worker over its memory is ended, and told so with figures', async () => {
    const launcher = await tell().open()
    const greedy = 'x=0123456789abcdef; while :; do x=$x$x; done'
    const id = await launchOne(launcher, ['sh', '-c', greedy], { size: { cpus: 1, memory: 0.0625 } })
    const end = await waitForEnd(launcher, id)
    expect(end).toMatchObject({ exitCode: null, signal: 'SIGKILL', reason: 'out_of_memory' })
    expect(end.message).toMatch(/^was over its memory of 0\.0625 GiB \(peak 0\.06\d* GiB\): ask for more$/)
  })

  test('a memory that no process fits into is told as that', async () => {
    const launcher = await tell().open()
    const id = await launchOne(launcher, ['true'], { size: { cpus: 1, memory: 0.00002 } })
    expect(await waitForEnd(launcher, id)).toMatchObject({ reason: 'out_of_memory' })
  })

  test('a worker whose child was over its memory is told so if it fails of it, and not if it goes on', async () => {
    const launcher = await tell().open()
    const child = "sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'"
    const size = { cpus: 1, memory: 0.0625 }
    const fails = await launchOne(launcher, ['sh', '-c', `${child} || exit 3`], { size })
    expect(await waitForEnd(launcher, fails)).toMatchObject({ reason: 'out_of_memory' })
    const survives = await launchOne(launcher, ['sh', '-c', `${child}; exit 0`], { size })
    expect((await waitForEnd(launcher, survives)).reason).not.toBe(
      // Version 2 ends all of it together.
      readdirSync('/sys/fs/cgroup').includes('cgroup.controllers') ? undefined : 'out_of_memory',
    )
  })

  test('a worker gets no more CPU time than it asked for', async () => {
    const launcher = await tell().open()
    const id = await launchOne(launcher, ['sh', '-c', 'while :; do :; done'], {
      size: { cpus: 0.2, memory: 1 },
    })
    await waitForState(launcher, id, 'started')
    const startedAt = Date.now()
    await new Promise(resolve => setTimeout(resolve, 1500))
    const [observed] = (await launcher.list([id])).workers
    const seconds = (Date.now() - startedAt) / 1000
    expect(observed?.use.cpuSeconds ?? Infinity).toBeLessThan(0.2 * seconds + 0.2)
    expect(observed?.use.cpuSeconds).toBeGreaterThan(0.01)
    expect(observed?.use.peakMemoryBytes).toBeGreaterThan(10_000)
  })

  test('it is told how much memory a worker holds, without what it has written to files', async () => {
    const launcher = await tell().open()
    const program = `const held = Buffer.alloc(100 * 2 ** 20, 1)
      for (let i = 0; i < 100; i++) require('fs').appendFileSync('file', Buffer.alloc(2 ** 20, 1))
      process.stdout.write('ready')
      setInterval(() => held.length, 1000)`
    const id = await launchOne(launcher, [process.execPath, '-e', program])
    await waitUntil('it holds that', async () => (await readLog(launcher, id)) === 'ready')
    const useOf = async () => {
      const { memoryBytes, peakMemoryBytes } = (await launcher.list([id])).workers[0]?.use ?? {}
      return { memory: (memoryBytes ?? 0) / 2 ** 20, peak: (peakMemoryBytes ?? 0) / 2 ** 20 }
    }
    await waitUntil('its peak is seen', async () => (await useOf()).peak > 200)
    const { memory } = await useOf()
    expect(memory).toBeGreaterThan(100)
    expect(memory).toBeLessThan(190)
  })

  test('a fork bomb stays within its number of processes, and dies', async () => {
    const launcher = await tell({ settings: { maxProcesses: 64, graceSeconds: 0 } }).open()
    const bomb = 'trap "" TERM; b() { b & b & wait; }; b'
    const id = await launchOne(launcher, ['bash', '-c', bomb])
    await waitUntil('it has filled its place', () => findTagged(id).length >= 60)
    expect(findTagged(id).length).toBeLessThanOrEqual(64)
    await terminateWholly(launcher, id)
    expect(findTagged(id)).toEqual([])
  })

  test('nothing of a home is left in the cgroups once its workers are gone and it is closed', async () => {
    const story = tell()
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForState(launcher, id, 'started')
    expect(listBases(launcher)).not.toEqual([])
    await terminateWholly(launcher, id)
    await launcher.close()
    expect(listBases(launcher)).toEqual([])
  })

  test('a worker whose folder is removed is gone when its last process is', async () => {
    const story = tell({ watchSeconds: 1000 })
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sleep', '1000'])
    await waitForState(launcher, id, 'started')
    await story.removeFolder(id)
    const isGone = async () => (await launcher.list([id])).gone.has(id)
    expect(await isGone()).toBe(false)
    await waitUntil('it is gone', isGone)
    expect(findTagged(id)).toEqual([])
  })

  test('what a server left that was killed while it probed is cleared by the next one', async () => {
    const story = tell()
    const launcher = await story.open()
    const left = `${listBases(launcher)[0]}/probe-memory-${DEAD_PID}`
    mkdirSync(left)
    await story.open()
    expect(existsSync(left)).toBe(false)
  })

  test('warming up moves no process', async () => {
    const launcher = await tell().open()
    const before = readFileSync('/proc/self/cgroup', 'utf8')
    launcher.warmUp()
    await waitForState(launcher, await launchOne(launcher, ['sleep', '1000']), 'started')
    expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe(before)
  })

  test('what a worker has left in the background ends as well when its folder is removed, without any server', async () => {
    const story = tell({ watchSeconds: 1 })
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sh', '-c', '(setsid sleep 1000 &); sleep 0.2; exit 3'])
    await waitForEnd(launcher, id)
    await launcher.close()
    // Long after its keeper, and whoever watches only as long as that.
    await sleep(2500)
    expect(findTagged(id)).toHaveLength(1)
    await story.removeFolder(id)
    await waitUntil('nothing of it runs', () => findTagged(id).length === 0)
    await waitUntil('nobody watches it any more', () => countShells(story.folder) === 0)
  })

  test('a group whose folder is gone is ended by the next server', async () => {
    const story = tell({ watchSeconds: 1000 })
    const first = await story.open()
    const id = await launchOne(first, ['sleep', '1000'])
    await waitForState(first, id, 'started')
    await first.close()
    await story.removeFolder(id)
    await story.open()
    await waitUntil('nothing of it runs', () => findTagged(id).length === 0)
    expect(findTagged(id)).toEqual([])
  })
})

test('without cgroups says what is not enforced', async () => {
  const facts = await (await tell({ withoutCgroups: true }).open()).describe()
  expect(facts.enforced).toEqual({ cpus: false, memory: false })
  expect(facts.summary).toBe(
    'Memory and CPUs and processes are not enforced: this server can make no cgroup, so a worker may use more than it asked for.',
  )
})

test('what this machine gives to workers bounds the largest one and all together', async () => {
  const bound = await (await tell({ settings: { cpus: 6, memoryGib: 500 } }).open()).describe()
  expect(bound.largestWorker).toEqual({ cpus: 6, memory: 128 })
  expect(bound.capacity).toEqual({ cpus: 6, memory: 500 })
  const half = await (await tell({ settings: { cpus: 6 } }).open()).describe()
  expect(half.capacity).toEqual({ cpus: 6, memory: Infinity })
  const free = await (await tell().open()).describe()
  expect(free.largestWorker).toEqual({ cpus: 16, memory: 128 })
  expect(free.capacity).toBeUndefined()
})

test('says which runtimes lack their programs', async () => {
  const programs = [
    { runtime: 'good', check: ['sh', '-c', 'exit 0'], missing: 'never said' },
    { runtime: 'absent', check: ['no-such-program'], missing: 'Install it.' },
    { runtime: 'broken', check: ['sh', '-c', 'exit 1'], missing: 'Mend it.' },
    // It may only be slow: nobody is refused for that.
    { runtime: 'hangs', check: ['sh', '-c', 'sleep 1000'], missing: 'never said' },
    {
      runtime: 'hostile',
      check: ['sh', '-c', 'test "$1" = "a  b;\'"', 'sh', "a  b;'"],
      missing: 'never said',
    },
  ]
  const { missingPrograms } = await (await tell({ programs }).open()).describe()
  expect(Object.fromEntries(missingPrograms)).toEqual({
    absent: 'Install it.',
    broken: 'Mend it.',
  })
})

test('a worker may share its files, whatever the server keeps for itself', async () => {
  const before = process.umask(0o077)
  try {
    const launcher = await tell().open()
    const id = await launchOne(launcher, ['sh', '-c', 'umask'])
    await waitForEnd(launcher, id)
    expect(await readLog(launcher, id)).toBe('0022\n')
  } finally {
    process.umask(before)
  }
})

test('a worker sees nothing of the environment of the server but what everybody needs', async () => {
  process.env['CLUSTERS_SECRET'] = process.env['OTHER_SECRET'] = 'swordfish'
  const launcher = await tell().open()
  delete process.env['CLUSTERS_SECRET']
  delete process.env['OTHER_SECRET']
  const id = await launchOne(launcher, ['env'], { environment: { PATH: '/usr/bin:/bin', HOME: '/own' } })
  await waitForEnd(launcher, id)
  const names = (await readLog(launcher, id))
    .trim()
    .split('\n')
    .map(line => line.split('=')[0] ?? '')
  const allowed = /^(PATH|LANG|LC_\w+|TZ|HOME|USER|LOGNAME|SHELL|PWD|_|CLUSTER_WORKER_ID)$/
  expect(names.filter(name => !allowed.test(name))).toEqual([])
  expect(await readLog(launcher, id)).toContain('HOME=/own\n')
})
