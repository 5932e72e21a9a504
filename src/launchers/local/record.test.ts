import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findInPasswd } from '../account.ts'
import { parseStat } from './processes.ts'
import { findLine, isWorkerId, parseEnding, parseIdentity, prepareNever, putNever } from './record.ts'

const folder = mkdtempSync(join(tmpdir(), 'clusters-record-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('only a file counts, whatever was put in its place', () => {
  const [fifo, link] = [join(folder, 'fifo'), join(folder, 'link')]
  execFileSync('sh', ['-c', 'mkfifo "$0"', fifo])
  writeFileSync(join(folder, 'elsewhere'), '1 2\n')
  symlinkSync(join(folder, 'elsewhere'), link)
  for (const path of [fifo, link, folder]) expect(findLine(path)).toBeUndefined()
})

test('a line without its end does not count', () => {
  const path = join(folder, 'line')
  expect(findLine(path)).toBeUndefined()
  for (const broken of ['', '12 34']) {
    writeFileSync(path, broken)
    expect(findLine(path)).toBeUndefined()
  }
  writeFileSync(path, 'one\ntwo\n')
  expect(findLine(path)?.text).toBe('one')
})

test('reads what the keeper writes, and nothing else', () => {
  expect(parseIdentity('12 345 ab-12')).toEqual({ pid: 12, startTicks: '345', bootId: 'ab-12' })
  for (const wrong of ['', 'never', '12 345', '0 345 ab', '-1 345 ab', '12 345 ab x', '12 x ab']) {
    expect(parseIdentity(wrong), wrong).toBeUndefined()
  }
  const at = new Date(0)
  expect(parseEnding({ text: '137 1 2 4096 1500000000', at })).toEqual({
    ...{ exitCode: 137, isSignal: true, oomKills: 2, peakMemoryBytes: 4096, cpuSeconds: 1.5, at },
  })
  for (const wrong of ['', '0', '0 2 0 0 0', 'x 0 0 0 0'])
    expect(parseEnding({ text: wrong, at })).toBeUndefined()
})

test('who creates a file first decides, and the words of the server are complete at once', () => {
  prepareNever(folder)
  mkdirSync(join(folder, 'w1'))
  expect(putNever(folder, 'w1', 'keeper')).toBe(true)
  expect(putNever(folder, 'w1', 'keeper')).toBe(false)
  expect(readFileSync(join(folder, 'w1', 'keeper'), 'utf8')).toBe('never\n')
  writeFileSync(join(folder, 'w1', 'started'), '')
  expect(putNever(folder, 'w1', 'started')).toBe(false)
  expect(putNever(folder, 'w2', 'started'), 'gone meanwhile').toBe(false)
})

test('ids of workers are names of folders and nothing else', () => {
  expect(['a1', 'x'.repeat(64)].every(isWorkerId)).toBe(true)
  for (const wrong of ['', '.', '..', '../x', 'A', 'a-b', 'a/b', '.never', 'x'.repeat(65)]) {
    expect(isWorkerId(wrong), wrong).toBe(false)
  }
})

test('a process may call itself what it likes', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 4))
  expect(parseStat(`7 (a) R 1) (x) S ${fields.join(' ')}`)).toEqual({
    ...{ isZombie: false, parentPid: 4, session: 6, startTicks: '22' },
  })
  expect(parseStat(`7 (sh) Z ${fields.join(' ')}`)?.isZombie).toBe(true)
  expect(parseStat('')).toBeUndefined()
})

test('finds a user by the whole name', () => {
  const passwd =
    'root:x:0:0:root:/root:/bin/bash\nannabel:x:5:5::/home/annabel:/bin/sh\nann:x:1000:100:,,,::\n'
  expect(findInPasswd(passwd, 'ann')).toEqual({
    name: 'ann',
    uid: 1000,
    gid: 100,
    home: '/',
    shell: '/bin/sh',
  })
  expect(findInPasswd(passwd, 'an')).toBeUndefined()
  expect(findInPasswd('ann:x:many:100:::', 'ann')).toBeUndefined()
})
