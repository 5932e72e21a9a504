import { Type } from 'typebox'
import { MAX_PAGE_LENGTH } from '../domain/limits.ts'

/** The query parameters of every list. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_PAGE_LENGTH,
      default: MAX_PAGE_LENGTH,
      description: 'At most so many; the header `Link` leads to the rest.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: 100,
      format: 'cursor',
      'x-error': 'is not a cursor of this list; take it from the header Link',
      description: 'Where the page begins, from the header `Link` of the page before.',
    }),
  ),
}

export interface Page {
  /** Ids below this one. */
  readonly before: number
  readonly limit: number
}

const CURSOR_PREFIX = 'before:'

/** Of a query that was parsed by {@link pageQuery}. */
export function readPage({ limit = MAX_PAGE_LENGTH, cursor }: { limit?: number; cursor?: string }): Page {
  const before = cursor === undefined ? undefined : parseCursor(cursor)
  return { before: before ?? Number.MAX_SAFE_INTEGER, limit }
}

export function formatCursor(before: number): string {
  return Buffer.from(CURSOR_PREFIX + before).toString('base64url')
}

/** The id that {@link formatCursor} was given, or `undefined`. */
export function parseCursor(cursor: string): number | undefined {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith(CURSOR_PREFIX)) return undefined
  const before = parseId(text.slice(CURSOR_PREFIX.length))
  return before !== undefined && formatCursor(before) === cursor ? before : undefined
}

/** `undefined` for what is no id: `[1-9][0-9]{0,15}`, and no more than JavaScript counts exactly. */
export function parseId(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined
  const id = Number(text)
  return Number.isSafeInteger(id) ? id : undefined
}

/** The header that leads to the next page: it repeats limit and filters. */
export function formatNextLink(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  nextBefore: number,
): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && name !== 'cursor') parameters.set(name, String(value))
  }
  parameters.set('cursor', formatCursor(nextBefore))
  return `<${path}?${parameters.toString()}>; rel="next"`
}
