import type { Command } from 'commander'
import { unwrap, type Event, type Problem } from '../../client/index.ts'
import { connect } from '../account.ts'
import { paintStatus } from '../describe-cluster.ts'
import { examples } from '../examples.ts'
import { Exit, EXIT } from '../exit.ts'
import { findClusterId } from '../find-cluster.ts'
import { formatTable, print, printJson, say } from '../output.ts'
import { formatTime, parseWhole } from '../values.ts'

export function addWatchCommands(program: Command): void {
  program
    .command('watch')
    .summary('show what happens to a cluster, until it ends')
    .description('Show what has happened to a cluster and what happens, until it ends. Fails when it fails.')
    .argument('<cluster>', 'its id or name')
    .option('--json', 'as JSON, a line for each event', false)
    .addHelpText('after', examples('watch etl', 'watch 7 --json'))
    .action(watch)
  program
    .command('events')
    .summary('list what happened to your clusters')
    .description('List what happened to your clusters, or to one of them, the newest last.')
    .argument('[cluster]', 'its id or name')
    .option('-f, --follow', 'what happens from now on, until Ctrl-C', false)
    .option('-l, --limit <number>', 'at most so many', parseWhole, 50)
    .option('--json', 'as JSON; with --follow a line for each event', false)
    .addHelpText('after', examples('events', 'events etl', 'events --follow --json'))
    .action(listOrFollow)
}

async function watch(typed: string, { json }: { json: boolean }): Promise<void> {
  const client = connect()
  const id = await findClusterId(client, typed)
  for await (const event of client.followEvents({ cluster: id, after: 0, onConnection: sayLost() })) {
    printEvent(event, json)
    if (event.status === 'failed') throw new Exit(EXIT.clusterFailed)
    if (event.status === 'stopped') return
  }
}

async function listOrFollow(
  typed: string | undefined,
  { follow, limit, json }: { follow: boolean; limit: number; json: boolean },
): Promise<void> {
  const client = connect()
  const of = typed === undefined ? {} : { cluster: await findClusterId(client, typed) }
  if (follow) {
    for await (const event of client.followEvents({ ...of, onConnection: sayLost() })) printEvent(event, json)
    return
  }
  const { items } = unwrap(await client.listEvents({ ...of, limit }))
  const events = items.toReversed()
  if (json) printJson(events)
  else if (events.length > 0) print(formatTable(events.map(toRow)))
  else say('Nothing has happened yet.')
}

function printEvent(event: Event, json: boolean): void {
  print(json ? JSON.stringify(event) : toRow(event).join('  '))
}

function toRow({ at, cluster, status, reason, message }: Event): string[] {
  const why = reason.replaceAll('_', ' ')
  return [formatTime(at), String(cluster), paintStatus(status), message === null ? why : `${why}: ${message}`]
}

/** Once for each loss, and once when it is over. */
function sayLost(): (problem: Problem | undefined) => void {
  let isLost = false
  return problem => {
    if (problem !== undefined && !isLost) say(`${problem.detail} It is tried again.`)
    if (problem === undefined && isLost) say('The server is back.')
    isLost = problem !== undefined
  }
}
