import { expect, test } from 'vitest'
import { FakeLauncher } from '../../test/support/fake-launcher.ts'
import type { WorkerSpec } from '../launchers/launcher.ts'
import { findLastLine, OutputReader } from './outputs.ts'

const ESC = String.fromCharCode(27)

test.each([
  ['the last of several', 'first\nlast\n', 'last'],
  ['without a newline at its end', 'first\nlast', 'last'],
  ['empty lines after it do not count', 'last\n\n  \n\t\n', 'last'],
  ['lines of Windows', 'first\r\nlast\r\n', 'last'],
  ['a bar that is drawn over itself', '10 %\r20 %\r30 %', '30 %'],
  ['without colours', `${ESC}[1;31mError:${ESC}[0m no memory\n`, 'Error: no memory'],
  ['a line of colours alone is empty', `last\n${ESC}[0m\n`, 'last'],
  ['a bell is no text', 'last\u0007\n', 'last'],
  ['brackets after a tab are text', '\t[info] listening\n', '[info] listening'],
  ['brackets after nothing are text', '[info] listening\n', '[info] listening'],
  ['a tab between words parts them', 'one\ttwo\n', 'one two'],
  ['NUL cannot be stored, and is left out', 'a\u0000b\n', 'ab'],
  ['in any language', 'größer als 🎉\n', 'größer als 🎉'],
])('the last line: %s', (_, output, line) => {
  expect(findLastLine(Buffer.from(output))).toBe(line)
})

test.each([
  ['nothing', ''],
  ['newlines', '\n\n\r\n'],
  ['colours', `${ESC}[0m`],
])('where there is but %s, there is no last line', (_, output) => {
  expect(findLastLine(Buffer.from(output))).toBeUndefined()
})

test('a long line is cut after 200 characters', () => {
  expect(findLastLine(Buffer.from(`${'x'.repeat(5000)}\n`))).toBe(`${'x'.repeat(200)}…`)
  expect(findLastLine(Buffer.from(`${'x'.repeat(200)}\n`))).toBe('x'.repeat(200))
})

test('bytes that are no text harm nothing', () => {
  expect(findLastLine(Buffer.from([0x66, 0xff, 0xfe, 0x6f, 0x0a]))).toBe('fo')
})

const SPEC: WorkerSpec = {
  ...{ id: 'a', clusterId: 1, role: 'worker', index: 0, size: { cpus: 1, memory: 1 }, command: [] },
  ...{ runtime: 'command', lifetimeSeconds: null, files: {} },
  environment: {},
}

test('the last 64 KiB of each worker are kept', async () => {
  const launcher = new FakeLauncher()
  await launcher.launch([SPEC, { ...SPEC, id: 'b' }])
  launcher.get('a').output = `${'x'.repeat(70_000)}\nthe end\n`
  launcher.get('b').output = 'short\n'
  const { kept } = await new OutputReader().read(launcher, ['a', 'b', 'gone'])
  expect(kept.get('a')?.output.length).toBe(64 * 1024)
  expect(kept.get('a')?.lastLine).toBe('the end')
  expect(Buffer.from(kept.get('b')?.output ?? []).toString()).toBe('short\n')
  expect(kept.get('gone')?.lastLine).toBeUndefined()
})

test('what cannot be read keeps nobody from being read', async () => {
  const launcher = new FakeLauncher()
  await launcher.launch([SPEC])
  const logs = launcher.logs.bind(launcher)
  launcher.logs = (id, options) => {
    if (id === 'broken') throw new Error('no such file')
    return logs(id, options)
  }
  const { kept } = await new OutputReader().read(launcher, ['broken', 'a'])
  expect([...kept.keys()]).toEqual(['a'])
})

test('what takes too long is left for the next time, and kept as far as it came after that', async () => {
  const launcher = new FakeLauncher()
  launcher.logs = async function* (_, options) {
    yield Buffer.from('so far')
    await new Promise(resolve => {
      options.signal.addEventListener('abort', resolve)
    })
  }
  const slow = Array.from({ length: 9 }, (_, index) => `slow-${index}`)
  const reader = new OutputReader({ timeoutMs: 50 })
  const first = await reader.read(launcher, slow)
  expect([first.kept.size, first.unread]).toEqual([0, new Set(slow)])
  const second = await reader.read(launcher, slow)
  expect(second.kept.size, 'those that were begun').toBe(8)
  expect([...second.unread]).toEqual(['slow-0'])
  expect(Buffer.from(second.kept.get('slow-8')?.output ?? []).toString()).toBe('so far')
})
