/** Works on all items, so many at once, in their order. When it resolves or rejects, nothing is under way any more. */
export async function inParallel<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items]
  const next = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  const results = await Promise.allSettled(Array.from({ length: atOnce }, next))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
