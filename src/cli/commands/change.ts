import type { Command } from 'commander'
import { unwrap } from '../../client/index.ts'
import { connect } from '../account.ts'
import { describeState } from '../describe-cluster.ts'
import { examples } from '../examples.ts'
import { EXIT, Exit } from '../exit.ts'
import { findClusterId } from '../find-cluster.ts'
import { printJson, say } from '../output.ts'
import { showProgress } from '../progress.ts'
import { parseWhole } from '../values.ts'

/** What is done to clusters there are. */
export function addChangeCommands(program: Command): void {
  program
    .command('scale')
    .summary('grow or shrink a cluster')
    .description('Set how many workers a cluster has.')
    .argument('<cluster>', 'its id or name')
    .argument('<workers>', 'how many', parseWhole)
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('scale etl 8'))
    .action(scale)
  program
    .command('stop')
    .summary('stop clusters')
    .description('Stop clusters. What they were can be looked up afterwards.')
    .argument('<clusters...>', 'ids or names')
    .option('--wait', 'until nothing of them runs', false)
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('stop etl', 'stop 7 8 9 --wait'))
    .action(stop)
  program
    .command('delete')
    .alias('rm')
    .summary('stop and forget clusters')
    .description('Stop clusters and forget them: nobody can look them up or read their output any more.')
    .argument('<clusters...>', 'ids or names')
    .option('--json', 'as JSON: null for each that is forgotten, and those that are ending', false)
    .addHelpText('after', examples('delete etl', 'delete 7 8 9'))
    .action(deleteAll)
}

async function scale(typed: string, workers: number, { json }: { json: boolean }): Promise<void> {
  const client = connect()
  const id = await findClusterId(client, typed)
  const cluster = unwrap(await client.updateCluster(id, { workers }))
  if (json) printJson(cluster)
  else say(`${cluster.name} (${id}) is to have ${workers}; ${describeState(cluster, process.stderr)}`)
}

async function stop(
  typed: readonly string[],
  { wait, json }: { wait: boolean; json: boolean },
): Promise<void> {
  const client = connect()
  const stopped = []
  for (const each of typed) {
    const id = await findClusterId(client, each)
    const cluster = unwrap(await client.stopCluster(id))
    const now = wait ? await showProgress(client, cluster, 'stopped') : cluster
    if (!wait && !json) say(`${now.name} (${id}) is ${describeState(now, process.stderr)}`)
    stopped.push(now)
  }
  if (json) printJson(stopped)
  if (stopped.some(({ status }) => status === 'failed') && wait) throw new Exit(EXIT.clusterFailed)
}

async function deleteAll(typed: readonly string[], { json }: { json: boolean }): Promise<void> {
  const client = connect()
  const deleted = []
  for (const each of typed) {
    const id = await findClusterId(client, each)
    const ending = unwrap(await client.deleteCluster(id))
    say(ending === undefined ? `${id} is forgotten.` : `${id} is ending, and is forgotten then.`)
    deleted.push(ending ?? null)
  }
  if (json) printJson(deleted)
}
