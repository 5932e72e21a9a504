import { unwrap, type Client } from '../client/index.ts'
import { CommandError } from './exit.ts'

/** The id behind what was typed: an id, or the name of one cluster that is live, else of one that has ended. */
export async function findClusterId(client: Client, typed: string): Promise<number> {
  if (/^[1-9]\d{0,15}$/.test(typed)) return Number(typed)
  const { items } = unwrap(await client.listClusters({ name: typed }))
  const named = items.filter(({ name }) => name === typed)
  const live = named.filter(({ ended_at: endedAt }) => endedAt === null)
  const [one, ...others] = live.length > 0 ? live : named
  if (one === undefined) throw new CommandError(`You have no cluster with the id or name ${typed}.`)
  if (others.length > 0) {
    const ids = [one, ...others].map(({ id }) => id).join(', ')
    throw new CommandError(`Several clusters have the name ${typed}; say which by its id: ${ids}.`)
  }
  return one.id
}
