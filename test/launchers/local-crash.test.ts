import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { Launcher } from '../../src/launchers/launcher.ts'
import { findTagged, LocalStory, waitUntil } from './local-engine.ts'
import { newWorkerId } from './worker-ids.ts'

const PROCESS = fileURLToPath(new URL('launching-process.ts', import.meta.url))

/** Milliseconds after the launch began at which the server is killed; or after it has launched all. */
const INSTANTS = [0, 3, 6, 9, 13, 18, 25, 40, 80, 'launched'] as const

const stories: LocalStory[] = []
afterAll(async () => {
  for (const story of stories) {
    await story.end()
    rmSync(`${story.folder}.marks`, { recursive: true })
  }
})

describe.each([
  ['with cgroups', false],
  ['without cgroups', true],
])('%s', (_name, withoutCgroups) => {
  test('a server that is killed while it launches has started each worker once or never', async () => {
    const story = new LocalStory({ withoutCgroups })
    stories.push(story)
    mkdirSync(`${story.folder}.marks`, { mode: 0o777 })
    const ids: string[] = []
    for (const instant of INSTANTS) ids.push(...(await launchAndKill(story, instant, withoutCgroups)))
    const launcher = await story.open()
    const { started, gone } = await settle(launcher, ids)
    expect([started.length, gone.length], 'some of each').not.toContain(0)
    await waitUntil('each has said that it runs', () => started.every(id => countStarts(story, id) === 1))
    // Long after a keeper that was under way would have come to its order.
    await sleep(1500)
    expect(gone.flatMap(findTagged), 'what is gone never starts').toEqual([])
    expect(gone.filter(id => countStarts(story, id) !== 0)).toEqual([])
    expect(started.filter(id => countStarts(story, id) !== 1)).toEqual([])
    expect(started.filter(id => findTagged(id).length !== 1)).toEqual([])
    expect(await settle(launcher, ids)).toEqual({ started, gone })
  }, 120_000)
})

test('workers have nothing of what whoever started the server left open', async () => {
  const story = new LocalStory()
  stories.push(story)
  mkdirSync(`${story.folder}.marks`)
  const secret = join(`${story.folder}.marks`, 'secret')
  const file = openSync(secret, 'w')
  const [id, other] = [newWorkerId(), newWorkerId()]
  // Node itself closes what is open below 16.
  const above = [...Array.from({ length: 16 }, () => 'ignore' as const), file]
  const child = spawnLaunching(story, false, [id, other], above)
  closeSync(file)
  const words = createInterface(child.stdout)[Symbol.asyncIterator]()
  for (let count = 0; count < 2; count++) await words.next()
  await waitUntil('each has said that it runs', () => countStarts(story, other) === 1)
  const links = findTagged(other).flatMap(pid =>
    readdirSync(`/proc/${pid}/fd`).map(number => readlinkSync(`/proc/${pid}/fd/${number}`)),
  )
  child.kill('SIGKILL')
  expect(links).toContain('/dev/null')
  expect(links).not.toContain(secret)
})

function spawnLaunching(
  story: LocalStory,
  withoutCgroups: boolean,
  ids: readonly string[],
  above: readonly ('ignore' | number)[] = [],
): ChildProcessByStdio<null, Readable, null> {
  return spawn(
    process.execPath,
    ['--import', 'tsx', PROCESS, story.folder, `${story.folder}.marks`, String(withoutCgroups), ...ids],
    { stdio: ['ignore', 'pipe', 'inherit', ...above] },
  ) as ChildProcessByStdio<null, Readable, null>
}

async function launchAndKill(
  story: LocalStory,
  instant: (typeof INSTANTS)[number],
  withoutCgroups: boolean,
): Promise<string[]> {
  const ids = Array.from({ length: 12 }, newWorkerId)
  const child = spawnLaunching(story, withoutCgroups, ids)
  const ended = once(child, 'exit')
  const words = createInterface(child.stdout)[Symbol.asyncIterator]()
  await words.next()
  if (instant === 'launched') await words.next()
  else await sleep(instant)
  expect(child.kill('SIGKILL'), 'it was still there').toBe(true)
  await ended
  return ids
}

async function settle(launcher: Launcher, ids: readonly string[]) {
  let started: string[] = []
  let gone: string[] = []
  await waitUntil('each is started or gone', async () => {
    const view = await launcher.list(ids)
    gone = ids.filter(id => view.gone.has(id))
    started = view.workers.filter(({ state }) => state.kind === 'started').map(({ id }) => id)
    return started.length + gone.length === ids.length
  })
  return { started: started.toSorted(), gone: gone.toSorted() }
}

function countStarts(story: LocalStory, id: string): number {
  try {
    return readFileSync(`${story.folder}.marks/${id}`, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
