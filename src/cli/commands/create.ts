import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { unwrap, type NewCluster } from '../../client/index.ts'
import { connect } from '../account.ts'
import { describeState } from '../describe-cluster.ts'
import { CommandError, Exit, EXIT } from '../exit.ts'
import { print, printJson, say } from '../output.ts'
import { showProgress } from '../progress.ts'
import { collectVariable, parseDuration, parseNumber, parseWhole } from '../values.ts'

interface Options {
  readonly cpus: number
  readonly memory: number
  readonly workers?: number
  readonly name?: string
  readonly runtime?: string
  readonly env?: Readonly<Record<string, string>>
  readonly idleTimeout?: number
  readonly lifetime?: number
  readonly wait: boolean
  readonly json: boolean
}

export function addCreateCommand(program: Command): void {
  program
    .command('create')
    .summary('create a cluster')
    .description('Create a cluster of equal workers; prints its id.')
    .argument('[command...]', 'what each worker runs, after --; without it they hold their place')
    .option('-c, --cpus <number>', 'CPUs per worker', parseNumber, 1)
    .option('-m, --memory <gib>', 'GiB of memory per worker', parseNumber, 1)
    .option('-w, --workers <number>', 'how many workers (1)', parseWhole)
    .option('-n, --name <name>', 'need not be unique')
    .option('-r, --runtime <name>', 'what the workers run: idle, command, dask, or one of your server')
    .option('-e, --env <NAME=VALUE>', 'a variable of the workers; once for each', collectVariable)
    .option(
      '--idle-timeout <time>',
      'end it when nothing was done for so long, where that can be told',
      parseDuration,
    )
    .option('--lifetime <time>', 'end it so long after its start', parseDuration)
    .option('--wait', 'until it runs', false)
    .option('--json', 'as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  clusters create -c 4 -m 16 --name etl --wait
  clusters create -w 8 --runtime dask --idle-timeout 30m --wait
  clusters create -w 2 -e LEVEL=debug -- python3 train.py --epochs 3`,
    )
    .action(create)
}

async function create(command: readonly string[], options: Options): Promise<void> {
  const client = connect()
  // Sent again, it creates no second one.
  const created = unwrap(
    await client.createCluster(toRequest(command, options), { idempotencyKey: randomUUID() }),
  )
  if (!options.wait) {
    say(`Created ${created.name}. "clusters watch ${created.id}" shows how it comes up.`)
    if (options.json) printJson(created)
    else print(String(created.id))
    return
  }
  const cluster = await showProgress(client, created, 'running')
  if (options.json) printJson(cluster)
  else print(String(cluster.id))
  if (cluster.status === 'running' || cluster.status === 'stopped') return
  if (cluster.status !== 'failed') say(describeState(cluster, process.stderr))
  throw new Exit(EXIT.clusterFailed)
}

function toRequest(command: readonly string[], options: Options): NewCluster {
  const runtime = options.runtime ?? (command.length > 0 ? 'command' : undefined)
  if (runtime === 'command' && command.length === 0) {
    throw new CommandError(
      'The runtime command needs one, after --: clusters create -- python3 train.py',
      EXIT.usage,
    )
  }
  return {
    cpus: options.cpus,
    memory: options.memory,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(command.length === 0 ? {} : { command: [...command] }),
    ...(options.env === undefined ? {} : { environment: { ...options.env } }),
    ...(options.idleTimeout === undefined ? {} : { idle_timeout_seconds: options.idleTimeout }),
    ...(options.lifetime === undefined ? {} : { lifetime_seconds: options.lifetime }),
  }
}
