/** The ids of a page are below `before`, and it has at most `limit` rows. */
interface Bounds {
  readonly before: number
  readonly limit: number
}

export interface PageOf<Row> {
  readonly shown: readonly Row[]
  /** The next page has the ids below this one; `undefined`: there is none. */
  readonly nextBefore: number | undefined
}

/** Reads one row more than is shown, which tells whether there is another page. */
export async function takePage<Row extends { readonly id: number }>(
  { before, limit }: Bounds,
  read: (bounds: Bounds) => Promise<readonly Row[]>,
): Promise<PageOf<Row>> {
  const rows = await read({ before, limit: limit + 1 })
  const shown = rows.slice(0, limit)
  return { shown, nextBefore: rows.length > limit ? shown.at(-1)?.id : undefined }
}
