import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MINUTE_MS } from './clock.ts'
import { FailureLimiter } from './failure-limiter.ts'

function createLimiter(limit: number) {
  let nowMs = 1_000_000
  const limiter = new FailureLimiter(limit, () => new Date(nowMs))
  return {
    limiter,
    advance: (ms: number) => {
      nowMs += ms
    },
  }
}

test('shuts a key after just as many failures as the limit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), limit => {
      const { limiter } = createLimiter(limit)
      for (let count = 0; count < limit; count++) {
        expect(limiter.findWaitSeconds('a')).toBeUndefined()
        limiter.count('a')
      }
      expect(limiter.findWaitSeconds('a')).toBe(60)
    }),
  )
})

test('after the seconds that it says, and not a second before, the key is free', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MINUTE_MS - 1 }), elapsedMs => {
      const { limiter, advance } = createLimiter(1)
      limiter.count('a')
      advance(elapsedMs)
      const seconds = limiter.findWaitSeconds('a') ?? 0
      expect(seconds).toBeGreaterThanOrEqual(1)
      expect(seconds).toBeLessThanOrEqual(60)
      advance((seconds - 1) * 1000 - 1)
      expect(limiter.findWaitSeconds('a')).toBeDefined()
      advance(1001)
      expect(limiter.findWaitSeconds('a')).toBeUndefined()
    }),
  )
})

test('what happens to one key does nothing to another', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      fc.pre(one !== other)
      const { limiter } = createLimiter(2)
      limiter.count(one)
      limiter.count(one)
      limiter.count(other)
      expect(limiter.findWaitSeconds(one)).toBeDefined()
      expect(limiter.findWaitSeconds(other)).toBeUndefined()
    }),
  )
})

test('an attempt that is forgiven does not count', () => {
  const { limiter } = createLimiter(2)
  for (let time = 0; time < 10; time++) {
    limiter.count('a')()
  }
  limiter.count('a')
  expect(limiter.findWaitSeconds('a')).toBeUndefined()
  limiter.count('a')
  expect(limiter.findWaitSeconds('a')).toBeDefined()
})

test('in no window are there more failures than the limit, whatever comes when', () => {
  const steps = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 20_000 }), succeeds: fc.boolean() }), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(steps, all => {
      const { limiter, advance } = createLimiter(5)
      let nowMs = 0
      const failures: number[] = []
      for (const { waitMs, succeeds } of all) {
        advance(waitMs)
        nowMs += waitMs
        if (limiter.findWaitSeconds('a') !== undefined) continue
        const forgive = limiter.count('a')
        if (succeeds) forgive()
        else failures.push(nowMs)
      }
      // Windows stand side by side, so that any minute touches at most two of them.
      for (const start of failures) {
        expect(failures.filter(at => at >= start && at < start + MINUTE_MS).length).toBeLessThanOrEqual(10)
      }
    }),
  )
})

test('forgiving after the minute gives the next minute nothing for free', () => {
  const { limiter, advance } = createLimiter(1)
  const forgiveFirst = limiter.count('a')
  advance(MINUTE_MS)
  limiter.count('a')
  // The first attempt, which took that long, succeeds only now.
  forgiveFirst()
  expect(limiter.findWaitSeconds('a')).toBeDefined()
})

test('remembers a bounded number of keys: the oldest give way', () => {
  const { limiter } = createLimiter(1)
  limiter.count('oldest')
  for (let index = 0; index < 100_000; index++) limiter.count(`key-${index}`)
  expect(limiter.findWaitSeconds('oldest')).toBeUndefined()
  expect(limiter.findWaitSeconds('key-99999')).toBeDefined()
})
