import { closest, distance } from 'fastest-levenshtein'

/** The word that was most likely meant, or `undefined` when none is close. */
export function closestWord(typed: string, words: readonly string[]): string | undefined {
  // Far longer than any word we know: not a typo, and not worth the work.
  if (typed.length > 100 || words.length === 0) return undefined
  const word = closest(typed, words)
  return distance(typed, word) <= Math.max(1, typed.length / 3) ? word : undefined
}
