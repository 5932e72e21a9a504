import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  findState,
  findTagged,
  isRunning,
  launchOne,
  LocalStory,
  readPid,
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

const KEEPER = fileURLToPath(new URL('../../src/launchers/local/keeper.sh', import.meta.url))
const SLEEP = ['sleep', '1000']
const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
const OTHER_BOOT = '00000000-0000-4000-8000-000000000000'

describe.each([
  ['with cgroups', false],
  ['without cgroups', true],
])('%s', (_name, withoutCgroups) => {
  test('a daemon that has left its session ends with its worker, also when the worker has ended before', async () => {
    const story = tell({ withoutCgroups })
    const launcher = await story.open()
    const id = await launchOne(launcher, [
      'sh',
      '-c',
      '(setsid sh -c "setsid sleep 1000 & exit" &); sleep 0.2; exit 3',
    ])
    expect(await waitForEnd(launcher, id)).toMatchObject({ exitCode: 3 })
    expect(findTagged(id)).toHaveLength(1)
    await terminateWholly(launcher, id)
    expect(findTagged(id)).toEqual([])
    expect(existsSync(story.path(id))).toBe(false)
  })

  test('what ignores SIGTERM has its grace, and is killed after it', async () => {
    const story = tell({ withoutCgroups, settings: { graceSeconds: 1 } })
    const launcher = await story.open()
    const id = await launchOne(launcher, [
      'sh',
      '-c',
      'trap "echo term" TERM; touch ready; while :; do sleep 0.1; done',
    ])
    await waitUntil('it is ready', () => existsSync(story.path(id, 'work/ready')))
    const askedAt = Date.now()
    await launcher.terminate([id])
    expect(await waitForEnd(launcher, id)).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    expect(Date.now() - askedAt).toBeGreaterThan(900)
    expect(readFileSync(story.path(id, 'log'), 'utf8')).toContain('term\n')
  })

  test('a worker whose keeper was killed is lost when it ends, and can be ended before', async () => {
    const story = tell({ withoutCgroups })
    const launcher = await story.open()
    const [runs, ends] = [await launchOne(launcher, SLEEP), await launchOne(launcher, SLEEP)]
    for (const id of [runs, ends]) {
      await waitForState(launcher, id, 'started')
      process.kill(readPid(story, id, 'keeper'), 'SIGKILL')
    }
    await sleep(100)
    expect((await findState(launcher, runs))?.kind).toBe('started')
    process.kill(readPid(story, ends), 'SIGKILL')
    expect(await waitForEnd(launcher, ends)).toMatchObject({
      ...{ reason: 'worker_lost', exitCode: null, signal: null },
      message: 'ended while it ran, and so did its keeper, so how it ended is not known',
    })
    await terminateWholly(launcher, runs)
    expect(findTagged(runs)).toEqual([])
  })

  test('whoever removes its folder ends the worker, without any server', async () => {
    const story = tell({ withoutCgroups })
    const launcher = await story.open()
    const id = await launchOne(launcher, ['sh', '-c', '(setsid sleep 1000 &) ; exec sleep 1000'])
    await waitForState(launcher, id, 'started')
    await launcher.close()
    const keeper = readPid(story, id, 'keeper')
    await story.removeFolder(id)
    await waitUntil('nothing of it runs', () => findTagged(id).length === 0)
    await waitUntil('its keeper has ended', () => !isRunning(keeper))
    expect(existsSync(story.path(id))).toBe(false)
  })
})

// Without cgroups nothing keeps such a chain from running away from whoever looks for it.
test('a worker that makes processes without end is ended', async () => {
  // Those that have ended count until init has heard of it, which a busy one does late.
  const story = tell({ settings: { graceSeconds: 0, maxProcesses: 2000 } })
  const launcher = await story.open()
  // Each begins its successor before it ends, and ignores what it is told. Should the launcher fail, it ends when
  // the file is gone: else it would keep the machine busy for ever.
  const lasting = join(mkdtempSync(join(tmpdir(), 'clusters-chain-')), 'lasting')
  writeFileSync(lasting, '')
  onTestFinished(() => {
    rmSync(lasting)
  })
  const link = `trap "" TERM; [ -e ${lasting} ] || exit; sleep 0.01; sh -c "$CHAIN" & exit`
  const chain = `trap "" TERM; export CHAIN='${link}'; `
  const id = await launchOne(launcher, [
    'sh',
    '-c',
    `${chain} for i in 1 2 3 4 5; do sh -c "$CHAIN" & done; exit`,
  ])
  await waitForEnd(launcher, id)
  await sleep(200)
  await waitUntil('it is seen to go on by itself', () => findTagged(id).length > 0)
  await terminateWholly(launcher, id)
  for (let look = 0; look < 50; look += 1) expect(findTagged(id)).toEqual([])
})

test('output that a server could not read yet is not cleared, however often it is told to end it', async () => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, SLEEP)
  await waitForState(launcher, id, 'started')
  const pid = readPid(story, id)
  await launcher.terminate([id])
  await waitUntil('it has ended', () => !isRunning(pid))
  await launcher.terminate([id])
  await sleep(200)
  expect(await waitForEnd(launcher, id)).toMatchObject({ signal: 'SIGTERM' })
})

test('a worker that begins when its server is gone finds nothing of that in its output', async () => {
  const story = tell({ withoutCgroups: true })
  const id = 'tlate'
  mkdirSync(story.path(id, 'work'), { recursive: true })
  writeFileSync(story.path(id, 'order'), 'echo own >&2\nexec true\n')
  const keeper = spawn('/bin/sh', [KEEPER, story.folder, '1', '0', '-', '-', '', '', ''], {
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
  })
  keeper.stdio[3]?.destroy()
  keeper.stdin?.end(`${id}\n`)
  await once(keeper, 'exit')
  expect(readFileSync(story.path(id, 'log'), 'utf8')).toBe('own\n')
  expect(readFileSync(story.path(id, 'ended'), 'utf8')).toBe('0 0 0 0 0\n')
})

test('a worker that has ended while there was no server is told with how it ended', async () => {
  const story = tell()
  const first = await story.open()
  const id = await launchOne(first, ['sh', '-c', 'sleep 0.3; exit 5'])
  await waitForState(first, id, 'started')
  await first.close()
  await sleep(600)
  const end = await waitForEnd(await story.open(), id)
  expect(end).toMatchObject({ exitCode: 5 })
  expect(end.endedAt.getTime() - (end.startedAt?.getTime() ?? 0)).toBeGreaterThan(250)
})

test('the next server goes on ending what the last one had begun to end', async () => {
  const story = tell({ settings: { graceSeconds: 1 } })
  const first = await story.open()
  const id = await launchOne(first, ['sh', '-c', 'trap "" TERM; touch ready; while :; do sleep 0.1; done'])
  await waitUntil('it is ready', () => existsSync(story.path(id, 'work/ready')))
  await first.terminate([id])
  await first.close()
  const second = await story.open()
  expect(await waitForEnd(second, id)).toMatchObject({ signal: 'SIGKILL' })
})

test('a process that has got the number of a worker is neither taken for it nor signalled', async () => {
  const story = tell({ withoutCgroups: true, settings: { graceSeconds: 0 } })
  const launcher = await story.open()
  const stranger = await launchOne(launcher, SLEEP, { environment: { CLUSTER_WORKER_ID: 'stranger' } })
  await waitForState(launcher, stranger, 'started')
  const pid = readPid(story, stranger)
  const id = 'tforged'
  mkdirSync(story.path(id))
  writeFileSync(story.path(id, 'keeper'), `${readPid(story, stranger, 'keeper')} 1 ${BOOT}\n`)
  writeFileSync(story.path(id, 'started'), `${pid} 1 ${BOOT}\n`)
  expect(await waitForEnd(launcher, id)).toMatchObject({ reason: 'worker_lost' })
  await terminateWholly(launcher, id)
  expect(isRunning(pid)).toBe(true)
})

test('after a restart of the machine its workers are lost, and no number of theirs counts', async () => {
  const story = tell({ withoutCgroups: true, settings: { graceSeconds: 0 } })
  const launcher = await story.open()
  const real = await launchOne(launcher, SLEEP, { environment: { CLUSTER_WORKER_ID: 'stranger' } })
  await waitForState(launcher, real, 'started')
  const id = 'tbefore'
  mkdirSync(story.path(id))
  for (const file of ['keeper', 'started'] as const) {
    writeFileSync(
      story.path(id, file),
      readFileSync(story.path(real, file), 'utf8').replace(BOOT, OTHER_BOOT),
    )
  }
  expect(await waitForEnd(launcher, id)).toMatchObject({
    ...{ reason: 'worker_lost', message: 'was lost: this machine was restarted while it ran' },
  })
  const young = 'tyoung'
  mkdirSync(story.path(young))
  writeFileSync(story.path(young, 'keeper'), `1 1 ${OTHER_BOOT}\n`)
  expect(await waitForEnd(launcher, young)).toMatchObject({
    ...{ reason: 'worker_lost', message: 'was lost: this machine was restarted while it was being started' },
  })
  await terminateWholly(launcher, id)
  expect(isRunning(readPid(story, real))).toBe(true)
})

test('a worker that is ended before it has begun never begins', async () => {
  const story = tell()
  const launcher = await story.open()
  const ids = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const id = await launchOne(launcher, ['sh', '-c', 'echo began > began; exec sleep 1000'])
      if (index % 2 === 1) await sleep(index)
      await launcher.terminate([id])
      return id
    }),
  )
  for (const id of ids) await terminateWholly(launcher, id)
  expect(ids.flatMap(findTagged)).toEqual([])
  expect(readdirSync(story.folder).filter(name => ids.includes(name))).toEqual([])
})

test('folders that are deeper than a path can name are deleted', async () => {
  const story = tell()
  const launcher = await story.open()
  const name = 'x'.repeat(200)
  const script = `i=0; while [ $i -lt 50 ]; do mkdir ${name} && cd ./${name}; i=$((i+1)); done; pwd | wc -c; exec sleep 1000`
  const id = await launchOne(launcher, ['bash', '-c', script])
  await waitUntil('it is so deep', () => Number(readFileSync(story.path(id, 'log'), 'utf8')) > 4096)
  await terminateWholly(launcher, id)
  const isLeft = () => readdirSync(story.folder).some(each => each.includes(id))
  await waitUntil('it is deleted', () => !isLeft())
  expect(isLeft()).toBe(false)
})

test('nobody waits for what an ended worker has left: no other end, and no start', async () => {
  // In place of a tree that takes hours.
  const programs = mkdtempSync(join(tmpdir(), 'clusters-slow-rm-'))
  writeFileSync(join(programs, 'rm'), `#!/bin/sh\necho >> ${programs}/began\nexec sleep 1000\n`, {
    mode: 0o755,
  })
  const path = process.env['PATH'] ?? ''
  process.env['PATH'] = `${programs}:${path}`
  onTestFinished(() => {
    process.env['PATH'] = path
    rmSync(programs, { recursive: true })
  })
  const story = tell()
  const first = await story.open()
  for (let worker = 0; worker < 2; worker += 1) {
    await terminateWholly(first, await launchOne(first, SLEEP))
    await waitUntil('what it left is being deleted', () => existsSync(join(programs, 'began')))
  }
  await first.close()
  rmSync(join(programs, 'began'))
  const second = await story.open()
  await waitUntil('the next server goes on', () => existsSync(join(programs, 'began')))
  await terminateWholly(second, await launchOne(second, SLEEP))
  process.env['PATH'] = path
  await second.close()
  await story.open()
  const isLeft = () => readdirSync(story.folder).some(each => each.startsWith('.removed-'))
  await waitUntil('all is deleted', () => !isLeft())
  expect(isLeft()).toBe(false)
})

test('tells at once when a worker starts, ends and is gone', async () => {
  let changes = 0
  const story = tell()
  const launcher = await story.open({ onChange: () => (changes += 1) })
  const id = await launchOne(launcher, ['sh', '-c', 'sleep 0.5'])
  await waitUntil('it was told', () => changes >= 1)
  expect((await findState(launcher, id))?.kind).toBe('started')
  await waitUntil('it was told again', () => changes >= 2)
  expect((await findState(launcher, id))?.kind).toBe('ended')
  await launcher.terminate([id])
  await waitUntil('and again', () => changes >= 3)
  expect(await findState(launcher, id)).toBeUndefined()
})

test('a server that has not started them hears of ends all the same', async () => {
  const story = tell()
  const first = await story.open()
  const id = await launchOne(first, ['sleep', '1'])
  await waitForState(first, id, 'started')
  await first.close()
  let changes = 0
  const second = await story.open({ onChange: () => (changes += 1) })
  await findState(second, id)
  await waitUntil('it was told', () => changes > 0)
  expect((await findState(second, id))?.kind).toBe('ended')
})
