import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import {
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

const MIB = 1024 ** 2

test.each([
  [
    'a link',
    (path: string) => {
      symlinkSync('/etc/passwd', path)
    },
  ],
  [
    'a pipe',
    (path: string) => {
      execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    },
  ],
  [
    'a folder',
    (path: string) => {
      mkdirSync(path)
    },
  ],
])('what a worker puts in the place of its output is not read: %s', async (_name, put) => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, ['sleep', '1000'])
  await waitForState(launcher, id, 'started')
  rmSync(story.path(id, 'log'))
  put(story.path(id, 'log'))
  const output = await readLog(launcher, id)
  expect(output).toBe(
    'clusters: the output is no file any more: the worker has put something else in its place\n',
  )
  // The look at outputs that are too long meets it as well.
  await sleep(700)
  await terminateWholly(launcher, id)
  expect(existsSync('/etc/passwd')).toBe(true)
})

test('output over its bound keeps its last half, from the beginning of a line on', async () => {
  const story = tell({ settings: { logMib: 1 } })
  const launcher = await story.open()
  const id = await launchOne(launcher, ['sh', '-c', 'seq 1 300000; sleep 1; echo end; exec sleep 1000'])
  await waitForState(launcher, id, 'started')
  await waitUntil('it was cut', async () => {
    return (
      statSync(story.path(id, 'log')).size <= MIB &&
      (await readLog(launcher, id, { tailLines: 1 })) === 'end\n'
    )
  })
  const lines = (await readLog(launcher, id)).trimEnd().split('\n')
  expect(statSync(story.path(id, 'log')).size).toBeGreaterThan(MIB / 4)
  const first = Number(lines[0])
  expect(first).toBeGreaterThan(150_000)
  const expected = Array.from({ length: 300_000 - first + 1 }, (_, index) => String(first + index))
  expect(lines.slice(0, -1)).toEqual(expected)
})

test('who follows an output that is cut meanwhile gets every line once', async () => {
  const story = tell({ settings: { logMib: 1 } })
  const launcher = await story.open()
  const script =
    'i=0; while [ $i -lt 40 ]; do seq $((i*10000+1)) $((i*10000+10000)); i=$((i+1)); sleep 0.1; done'
  const id = await launchOne(launcher, ['sh', '-c', script])
  await waitForState(launcher, id, 'started')
  const output = await readLog(launcher, id, { follow: true, signal: AbortSignal.timeout(25_000) })
  expect(output === Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join('')).toBe(true)
  expect(statSync(story.path(id, 'log')).size, 'it was cut').toBeLessThan(2 * MIB)
})

test('output that grew while there was no server is cut at the next start', async () => {
  const story = tell({ settings: { logMib: 1 } })
  const first = await story.open()
  const id = await launchOne(first, ['sh', '-c', 'sleep 0.3; seq 1 1000000'])
  await waitForState(first, id, 'started')
  await first.close()
  await waitUntil('it has ended', () => existsSync(story.path(id, 'ended')))
  expect(statSync(story.path(id, 'log')).size).toBeGreaterThan(6 * MIB)
  const second = await story.open()
  await waitUntil('it was cut', () => statSync(story.path(id, 'log')).size <= MIB)
  expect(await readLog(second, id, { tailLines: 1 })).toBe('1000000\n')
})

test('output that was emptied by somebody else is read from its beginning', async () => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, [
    'sh',
    '-c',
    'echo before; while [ ! -e go ]; do sleep 0.05; done; echo after',
  ])
  await waitForState(launcher, id, 'started')
  const following = readLog(launcher, id, { follow: true })
  await sleep(300)
  truncateSync(story.path(id, 'log'))
  await sleep(300)
  writeFileSync(story.path(id, 'work/go'), '')
  expect(await following).toBe('before\nafter\n')
})

test('a worker that never stops writing does not keep a reader who does not follow', async () => {
  const launcher = await tell({ settings: { logMib: 1 } }).open()
  const id = await launchOne(launcher, ['sh', '-c', 'while :; do seq 1 100; sleep 0.001; done'])
  await waitForState(launcher, id, 'started')
  await sleep(200)
  expect((await readLog(launcher, id)).startsWith('1\n2\n')).toBe(true)
  await terminateWholly(launcher, id)
})

test.each([0, 1, 2, 7])('the last %d lines, also with bytes that are no text', async count => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'])
  await waitForEnd(launcher, id)
  const lines = Array.from({ length: 7 }, (_, index) => `${index} ${'ä'.repeat(20_000)}\n`)
  writeFileSync(story.path(id, 'log'), lines.join(''))
  expect(await readLog(launcher, id, { tailLines: count })).toBe(
    count === 0 ? '' : lines.slice(-count).join(''),
  )
})

test('the last lines of a file that has none are looked for in no more of it than is kept', async () => {
  const story = tell({ settings: { logMib: 1 } })
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'])
  await waitForEnd(launcher, id)
  await launcher.close()
  // Sparse: to look through all of it would take hours.
  truncateSync(story.path(id, 'log'), 4 * 1024 ** 4)
  expect(await readLog(launcher, id, { tailLines: 5 })).toHaveLength(MIB)
})

test('an output that is being cut when the launcher is closed is cut, and only then is it closed', async () => {
  const story = tell({ settings: { logMib: 256 } })
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'])
  await waitForEnd(launcher, id)
  truncateSync(story.path(id, 'log'), 300 * MIB)
  await waitUntil('it is being cut', () => statSync(story.path(id, 'log')).blocks > 8)
  await launcher.close()
  expect(statSync(story.path(id, 'log')).size).toBe(128 * MIB)
})

test('looking for the last lines ends when the reader does', async () => {
  const story = tell({ settings: { logMib: 1_048_576 } })
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'])
  await waitForEnd(launcher, id)
  await launcher.close()
  truncateSync(story.path(id, 'log'), 4 * 1024 ** 4)
  expect(await readLog(launcher, id, { tailLines: 5, signal: AbortSignal.timeout(300) })).toBe('')
})

test('the last bytes, however long the lines are', async () => {
  const story = tell()
  const launcher = await story.open()
  const id = await launchOne(launcher, ['true'])
  await waitForEnd(launcher, id)
  writeFileSync(story.path(id, 'log'), `${'a'.repeat(MIB)}\nbc\n${'d'.repeat(100_000)}\nlast\n`)
  const end = `${'d'.repeat(100_000)}\nlast\n`
  const read = (tailLines: number | undefined, tailBytes: number) =>
    readLog(launcher, id, { tailBytes, ...(tailLines === undefined ? {} : { tailLines }) })
  expect(await read(4000, 65_536)).toBe(end.slice(-65_536))
  expect(await read(undefined, 65_536)).toBe(end.slice(-65_536))
  expect(await read(1, 65_536)).toBe('last\n')
  expect(await read(2, 200_000)).toBe(end)
  expect((await read(undefined, 10 * MIB)).startsWith('aaa')).toBe(true)
})
