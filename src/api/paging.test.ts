import fc from 'fast-check'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { InvalidRequest } from '../domain/errors.ts'
import { formatCursor, formatNextLink, pageQuery, parseCursor, parseId, readPage } from './paging.ts'
import { parse } from './parse.ts'

const ids = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })

test('parseId reads back every id', () => {
  fc.assert(
    fc.property(ids, id => {
      expect(parseId(String(id))).toBe(id)
    }),
  )
})

test('parseId takes nothing but [1-9][0-9]{0,15} that JavaScript counts exactly', () => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[0-9+\-. eExX]{1,20}$/), fc.double().map(String))
  fc.assert(
    fc.property(texts, text => {
      const id = parseId(text)
      if (id === undefined) expect(/^[1-9][0-9]{0,14}$/.test(text)).toBe(false)
      else expect(String(id)).toBe(text)
    }),
  )
})

test.each([
  '',
  '0',
  '01',
  '-1',
  '+1',
  '1.0',
  '1e3',
  ' 1',
  '1\n',
  '१',
  '9007199254740992',
  '9999999999999999',
  '1'.repeat(17),
])('parseId refuses %j', text => {
  expect(parseId(text)).toBeUndefined()
})

test('a cursor leads back to the id it was made from, and is safe in an address', () => {
  fc.assert(
    fc.property(ids, id => {
      const cursor = formatCursor(id)
      expect(cursor).toMatch(/^[A-Za-z0-9_-]{1,100}$/)
      expect(parseCursor(cursor)).toBe(id)
    }),
  )
})

test('no text but the one that formatCursor makes is a cursor of an id', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.string().map(text => Buffer.from(`before:${text}`).toString('base64url')),
    fc.tuple(ids, fc.string({ minLength: 1 })).map(([id, tail]) => formatCursor(id) + tail),
  )
  fc.assert(
    fc.property(texts, text => {
      const id = parseCursor(text)
      if (id !== undefined) expect(formatCursor(id)).toBe(text)
    }),
  )
})

test('readPage without a cursor begins before everything', () => {
  expect(readPage({})).toEqual({ before: Number.MAX_SAFE_INTEGER, limit: 1000 })
  expect(readPage({ limit: 5, cursor: formatCursor(7) })).toEqual({ before: 7, limit: 5 })
})

test('the query of a list refuses what is no cursor, by the name of the parameter', () => {
  const query = Type.Object(pageQuery)
  for (const cursor of ['', 'x', formatCursor(0)]) {
    expect(() => parse(query, { cursor }, 'query')).toThrow(InvalidRequest)
    expect(() => parse(query, { cursor }, 'query')).toThrow(/^cursor is not a cursor of this list/)
  }
  expect(parse(query, { cursor: formatCursor(7) }, 'query')).toEqual({ cursor: formatCursor(7) })
})

test('the link repeats limit and filters, leaves out what is not there, and leads to the next page', () => {
  const filters = fc.record({
    limit: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
    name: fc.option(fc.string(), { nil: undefined }),
    cursor: fc.option(fc.string(), { nil: undefined }),
  })
  fc.assert(
    fc.property(filters, ids, (query, before) => {
      const link = formatNextLink('/clusters', query, before)
      const path = /^<(\/clusters\?[\x21-\x7e]*)>; rel="next"$/.exec(link)?.[1] ?? ''
      const parameters = Object.fromEntries(new URL(path, 'http://x').searchParams)
      expect(parameters).toEqual({
        ...(query.limit === undefined ? {} : { limit: String(query.limit) }),
        ...(query.name === undefined ? {} : { name: Buffer.from(query.name).toString() }),
        cursor: formatCursor(before),
      })
    }),
  )
})
