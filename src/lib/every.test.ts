import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { every } from './every.ts'

test('what takes longer than its interval is done one at a time, and waited for in the end', async () => {
  let [begun, underWay] = [0, 0]
  const errors: number[] = []
  const work = every(5, async () => {
    begun += 1
    underWay += 1
    if (underWay > 1) errors.push(underWay)
    await sleep(50)
    underWay -= 1
  })
  work.now()
  work.now()
  await expect.poll(() => begun).toBeGreaterThan(2)
  await work.stop()
  expect({ errors, underWay }).toEqual({ errors: [], underWay: 0 })
  const before = begun
  await sleep(50)
  expect(begun).toBe(before)
})
