export interface PageOf<Row> {
  readonly shown: readonly Row[]
  /** The next page has the ids below this one; `undefined`: there is none. */
  readonly nextBefore: number | undefined
}

/** Of rows that were read with a limit of one more than a page has, which tells whether there is another page. */
export function cutPage<Row extends { readonly id: number }>(
  rows: readonly Row[],
  limit: number,
): PageOf<Row> {
  const shown = rows.slice(0, limit)
  return { shown, nextBefore: rows.length > limit ? shown.at(-1)?.id : undefined }
}
