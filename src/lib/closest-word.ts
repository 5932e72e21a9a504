import { closest, distance } from 'fastest-levenshtein'

/** The word that was most likely meant, or `undefined` when none is close. */
export function closestWord(typed: string, words: readonly string[]): string | undefined {
  // Far longer than any word we know: not a typo, and not worth the work.
  if (typed.length > 100 || words.length === 0) return undefined
  const word = closest(typed, words)
  // Two letters that changed places are two edits.
  const most = typed.length < 4 ? 1 : Math.max(2, typed.length / 3)
  return distance(typed, word) <= most ? word : undefined
}
