import { expect, test } from 'vitest'
import { formatAge, formatDuration } from './duration.ts'

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
  expect(formatAge('2026-11-23T10:00:00.000Z', Date.parse('2026-11-23T12:30:00.000Z'))).toBe('2h')
})
