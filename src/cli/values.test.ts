import { expect, test } from 'vitest'
import {
  collectVariable,
  formatAge,
  formatAmount,
  formatDuration,
  parseDuration,
  parseNumber,
} from './values.ts'

test.each([
  ['90', 90],
  ['90s', 90],
  ['30m', 1800],
  ['2h', 7200],
  ['7d', 604_800],
])('%s is %d seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each(['', 's', '1.5h', '-1', '1w', '1 h', 'soon'])('%j is no time', text => {
  expect(() => parseDuration(text)).toThrow('It is a time such as')
})

test.each([
  [0, '0s'],
  [59.9, '59s'],
  [60, '1m'],
  [3725, '1h 2m'],
  [86_400 * 3 + 3600 * 4 + 5, '3d 4h'],
  [-5, '0s'],
])('%d seconds are told as %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})

test('an age is told by its largest unit', () => {
  expect(formatAge('2026-11-23T10:00:00.000Z', new Date('2026-11-23T12:30:00.000Z'))).toBe('2h')
})

test('a variable may hold anything, and its name no =', () => {
  const first = collectVariable('A=b=c\nd')
  expect(collectVariable('E=', first)).toEqual({ A: 'b=c\nd', E: '' })
  expect(() => collectVariable('=x')).toThrow('NAME=VALUE')
  expect(() => collectVariable('A')).toThrow('NAME=VALUE')
})

test('numbers are written as people do', () => {
  expect(parseNumber('0.5')).toBe(0.5)
  for (const text of ['', ' ', 'x', 'NaN', 'Infinity']) expect(() => parseNumber(text)).toThrow('number')
  expect([1 / 3, 2, 0.001].map(formatAmount)).toEqual(['0.33', '2', '0'])
})
