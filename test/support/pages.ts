import { expect } from 'vitest'
import type { Answer, Caller } from './caller.ts'

/** Where the header Link leads; `undefined` on the last page. */
export function nextPath(answer: Answer): string | undefined {
  const link = answer.headers['link']
  if (link === undefined) return undefined
  expect(link).toMatch(/^<\/[^>]*>; rel="next"$/)
  return /^<([^>]*)>/.exec(String(link))?.[1]
}

export function idsOf(answer: Answer): number[] {
  return (answer.body as { id: number }[]).map(({ id }) => id)
}

/** The ids of every page, from the first to the last. `between` happens after each page but the last. */
export async function walk(
  caller: Caller,
  path: string,
  between?: () => Promise<unknown>,
): Promise<number[][]> {
  const pages: number[][] = []
  let next: string | undefined = path
  while (next !== undefined) {
    const answer = await caller.get(next)
    expect(answer.status).toBe(200)
    pages.push(idsOf(answer))
    next = nextPath(answer)
    if (next !== undefined) await between?.()
  }
  return pages
}
