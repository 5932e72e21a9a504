import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addUse, findQuotaRefusal, subtractUse, useOf, type Quota, type Use } from './quota.ts'

const QUOTA_LIMITS = ['clusters', 'cpus', 'memory_gib'] as const
const NOTHING: Use = { clusters: 0, cpus: 0, memory_gib: 0 }
const UNLIMITED: Quota = { clusters: null, cpus: null, memory_gib: null }

/** Amounts as people write them, with up to six decimals. */
const amounts = (most: number) => fc.integer({ min: 1, max: most * 1e6 }).map(millionths => millionths / 1e6)
const requests = fc.record({
  cpus: amounts(16),
  memory: amounts(128),
  workers: fc.integer({ min: 1, max: 1000 }),
})

test('what was added comes off again to nothing, in any order', () => {
  const shuffled = fc
    .array(requests, { maxLength: 20 })
    .chain(all => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))
  fc.assert(
    fc.property(shuffled, ([added, removed]) => {
      const full = added.map(useOf).reduce(addUse, NOTHING)
      expect(removed.map(useOf).reduce(subtractUse, full)).toEqual(NOTHING)
    }),
  )
})

test('adding does not depend on the order', () => {
  fc.assert(
    fc.property(fc.array(requests, { maxLength: 20 }), all => {
      const uses = all.map(useOf)
      expect(uses.reduce(addUse, NOTHING)).toEqual(uses.toReversed().reduce(addUse, NOTHING))
    }),
  )
})

test('a use is never below zero', () => {
  fc.assert(
    fc.property(requests, requests, (one, other) => {
      const left = subtractUse(useOf(one), useOf(other))
      for (const limit of QUOTA_LIMITS) expect(left[limit]).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('what fits the quota to the last millionth is not refused, and a millionth more is', () => {
  fc.assert(
    fc.property(requests, requests, (had, wanted) => {
      const [used, requested] = [useOf(had), useOf(wanted)]
      const whole: Quota = addUse(used, requested)
      expect(findQuotaRefusal(whole, used, requested)).toBeUndefined()
      const more = { ...requested, cpus: requested.cpus + 1e-6 }
      expect(findQuotaRefusal(whole, used, more)?.limit).toBe('cpus')
    }),
  )
})

test('0.1 and 0.2 fit into 0.3', () => {
  const used = { ...NOTHING, cpus: 0.1 }
  expect(findQuotaRefusal({ ...UNLIMITED, cpus: 0.3 }, used, { ...NOTHING, cpus: 0.2 })).toBeUndefined()
})

test('a refusal names the first limit that is passed, with its numbers', () => {
  const used = { clusters: 1, cpus: 10, memory_gib: 10 }
  const requested = { clusters: 1, cpus: 10, memory_gib: 10 }
  const quota = { clusters: 2, cpus: 16, memory_gib: 16 }
  expect(findQuotaRefusal(quota, used, requested)).toEqual({
    limit: 'cpus',
    used: 10,
    requested: 10,
    allowed: 16,
  })
  expect(findQuotaRefusal({ ...quota, clusters: 1 }, used, requested)).toMatchObject({ limit: 'clusters' })
  expect(findQuotaRefusal({ ...quota, cpus: null }, used, requested)).toMatchObject({ limit: 'memory_gib' })
  expect(findQuotaRefusal(UNLIMITED, used, requested)).toBeUndefined()
})

test('a quota of 0 allows nothing', () => {
  fc.assert(
    fc.property(requests, request => {
      for (const limit of QUOTA_LIMITS) {
        expect(findQuotaRefusal({ ...UNLIMITED, [limit]: 0 }, NOTHING, useOf(request))?.limit).toBe(limit)
      }
    }),
  )
})
