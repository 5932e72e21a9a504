import fc from 'fast-check'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { InvalidRequest } from '../domain/errors.ts'
import { parse } from './parse.ts'

const amounts = Type.Object({ amount: Type.Number() }, { additionalProperties: false })
const optional = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })), name: Type.Optional(Type.String()) },
  { additionalProperties: false },
)

/** The errors of a refusal; fails when there is none. */
function refusalOf(work: () => unknown): InvalidRequest['errors'] {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidRequest) return error.errors
    throw error
  }
  throw new Error('it was not refused')
}

test('a body’s number comes through to the last bit', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), amount => {
      expect(Object.is(parse(amounts, { amount }, 'body').amount, amount)).toBe(true)
    }),
  )
})

test('a body is taken literally: what is no number is refused, however much it looks like one', () => {
  const others = fc.oneof(
    fc.double().map(String),
    fc.integer().map(String),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.double()),
    fc.object(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  )
  fc.assert(
    fc.property(others, amount => {
      expect(refusalOf(() => parse(amounts, { amount }, 'body'))).toEqual({ amount: ['must be a number'] })
    }),
  )
})

test('a query has nothing but texts: whole numbers are read from them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), limit => {
      expect(parse(optional, { limit: String(limit) }, 'query')).toEqual({ limit })
    }),
  )
})

test('a query’s text stays a text, even when it looks like a number', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.double().map(String)), name => {
      expect(parse(optional, { name }, 'query')).toEqual({ name })
    }),
  )
})

test.each(['', ' ', 'x', '1.5', 'true', 'null', 'NaN', 'Infinity', '-Infinity', '1,000', '١'])(
  'a query’s %j is no whole number',
  limit => {
    expect(refusalOf(() => parse(optional, { limit }, 'query'))).toEqual({
      limit: ['must be a whole number'],
    })
  },
)

test.each(['0x10', '1e2', ' 5', '5 ', '1.0', '+5'])(
  'a query’s %j is no whole number either, though JavaScript reads one',
  limit => {
    expect(refusalOf(() => parse(optional, { limit }, 'query'))).toEqual({
      limit: ['must be a whole number'],
    })
  },
)

test('a parameter that is there twice is refused', () => {
  expect(
    Object.keys(refusalOf(() => parse(optional, { limit: ['1', '2'], name: ['a', 'b'] }, 'query'))),
  ).toEqual(['limit', 'name'])
})

test('never changes what it reads', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('limit', 'name', 'other'), fc.string()), input => {
      const before = structuredClone(input)
      try {
        parse(optional, input, 'query')
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRequest)
      }
      expect(input).toEqual(before)
    }),
  )
})

test('any JSON is parsed or refused by fields, never worse, and the refusal is bounded', () => {
  fc.assert(
    fc.property(fc.jsonValue(), input => {
      try {
        expect(Object.keys(parse(amounts, input, 'body'))).toEqual(['amount'])
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRequest)
        if (error instanceof InvalidRequest) expect(Object.keys(error.errors).length).toBeLessThanOrEqual(22)
      }
    }),
  )
})

test('names every unknown field by its own name, those of Object.prototype too', () => {
  const names = fc.oneof(
    fc.string({ maxLength: 50 }),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty'),
  )
  fc.assert(
    fc.property(names, name => {
      fc.pre(name !== 'amount')
      const input = JSON.parse(`{"amount":1,${JSON.stringify(name)}:1}`) as unknown
      const errors = refusalOf(() => parse(amounts, input, 'body'))
      expect(Object.keys(errors)).toEqual([name])
      expect(Object.entries(errors)[0]?.[1]?.[0]).toMatch(/^is not a known field/)
    }),
  )
})

test('takes a field from the input alone, never from a prototype', () => {
  const inherited: unknown = Object.create({ amount: 1 })
  expect(refusalOf(() => parse(amounts, inherited, 'body'))).toEqual({ amount: ['is required'] })
})

test('a check sees only valid fields, and adds to the errors of the others', () => {
  const seen: unknown[] = []
  const check = (valid: object) => {
    seen.push(valid)
    return { amount: 'is odd', extra: undefined }
  }
  expect(refusalOf(() => parse(amounts, { amount: 'x' }, 'body', check))).toEqual({
    amount: ['must be a number', 'is odd'],
  })
  expect(refusalOf(() => parse(amounts, { amount: 1 }, 'body', check))).toEqual({ amount: ['is odd'] })
  expect(seen).toEqual([{}, { amount: 1 }])
})
