import type { Command } from 'commander'
import { unwrap, type Client, type Cluster } from '../../client/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { formatAge } from '../../lib/duration.ts'
import { connect } from '../account.ts'
import { paintStatus } from '../describe-cluster.ts'
import { examples } from '../examples.ts'
import { count, formatTable, print, printJson, say } from '../output.ts'
import { parseStatus, parseWhole } from '../values.ts'

interface Options {
  readonly all: boolean
  readonly status?: Cluster['status']
  readonly name?: string
  readonly limit: number
  readonly json: boolean
}

/** A page is at most so long, whatever the limit. */
const PAGE = 1000

export function addListCommand(program: Command): void {
  program
    .command('list')
    .alias('ls')
    .summary('list your clusters')
    .description('List your live clusters, the newest first.')
    .option('-a, --all', 'those that have ended, too', false)
    .option(
      '-s, --status <status>',
      'only those: pending, starting, running, stopping, stopped or failed',
      parseStatus,
    )
    .option('-n, --name <text>', 'only those whose name begins so')
    .option('-l, --limit <number>', 'at most so many', parseWhole, 100)
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('list', 'list --all --name etl', 'list --status failed --json'))
    .action(list)
}

async function list(options: Options): Promise<void> {
  const { clusters, hidden, isMore } = await collect(connect(), options)
  if (options.json) printJson(clusters)
  else if (clusters.length > 0) print(formatTable(toRows(clusters)))
  if (clusters.length === 0 && !options.json) {
    say(hidden > 0 ? 'No cluster of yours is live.' : 'There is none. "clusters create" makes one.')
  }
  if (hidden > 0) say(`${count(hidden, 'ended cluster')} not shown; --all shows them.`)
  if (isMore) say(`There are more; --limit shows more than ${options.limit}.`)
}

async function collect(client: Client, { all, status, name, limit }: Options) {
  const clusters: Cluster[] = []
  let hidden = 0
  let cursor: string | undefined
  for (;;) {
    const page = unwrap(
      await client.listClusters({
        limit: Math.min(PAGE, Math.max(1, limit)),
        ...(status === undefined ? {} : { status }),
        ...(name === undefined ? {} : { name }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
    )
    for (const cluster of page.items) {
      if (clusters.length === limit) return { clusters, hidden, isMore: true }
      if (all || status !== undefined || cluster.ended_at === null) clusters.push(cluster)
      else hidden += 1
    }
    if (page.next === undefined) return { clusters, hidden, isMore: false }
    cursor = page.next
  }
}

function toRows(clusters: readonly Cluster[]): string[][] {
  const now = systemClock().getTime()
  return [
    ['ID', 'NAME', 'STATUS', 'READY', 'CPUS', 'GIB', 'RUNTIME', 'AGE'],
    ...clusters.map(cluster => [
      String(cluster.id),
      cluster.name,
      paintStatus(cluster.status),
      `${cluster.ready_workers}/${cluster.workers}`,
      String(cluster.cpus),
      String(cluster.memory),
      cluster.runtime,
      formatAge(cluster.created_at, now),
    ]),
  ]
}
