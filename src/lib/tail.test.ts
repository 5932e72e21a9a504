import { expect, test } from 'vitest'
import { tailOf } from './tail.ts'

const tail = (text: string, lines: number) => Buffer.from(tailOf(Buffer.from(text), lines)).toString()

test.each([
  ['', 0, ''],
  ['', 3, ''],
  ['a\nb\nc\n', 0, ''],
  ['a\nb\nc\n', 1, 'c\n'],
  ['a\nb\nc\n', 2, 'b\nc\n'],
  ['a\nb\nc\n', 3, 'a\nb\nc\n'],
  ['a\nb\nc\n', 100, 'a\nb\nc\n'],
  ['a\nb', 1, 'b'],
  ['a\nb', 2, 'a\nb'],
  ['a\n\n', 1, '\n'],
  ['\n\n\n', 2, '\n\n'],
  ['ä\nö\n', 1, 'ö\n'],
  ['one line', 1, 'one line'],
])('of %j the last %d lines are %j', (text, lines, expected) => {
  expect(tail(text, lines)).toBe(expected)
})
