import { expect, test } from 'vitest'
import { collectVariable, formatAmount, parseDuration, parseNumber } from './values.ts'

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
