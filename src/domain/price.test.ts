import { expect, test } from 'vitest'
import { costOf } from './price.ts'

const PRICE = { coreHour: 0.05, gibHour: 0.01, currency: 'EUR' }

test.each([
  [{ coreHours: 0, gibHours: 0 }, 0],
  [{ coreHours: 1, gibHours: 1 }, 0.06],
  [{ coreHours: 3, gibHours: 0 }, 0.15],
  [{ coreHours: 0.001, gibHours: 0.001 }, 0.0001],
])('%j cost %d', (hours, amount) => {
  expect(costOf(PRICE, hours)).toEqual({ amount, currency: 'EUR' })
})

test('without a price nothing has a cost, not even zero', () => {
  expect(costOf(undefined, { coreHours: 1, gibHours: 1 })).toBeNull()
})
