import { expect, test } from 'vitest'
import { backoffMs } from './seats.ts'

test('a seat stays empty for longer after each failure, and never for longer than a minute', () => {
  const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 100].map(failures => backoffMs(failures) / 1000)
  expect(seconds).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
})
