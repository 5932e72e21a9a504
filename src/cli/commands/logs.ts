import type { Command } from 'commander'
import { unwrap } from '../../client/index.ts'
import { connect } from '../account.ts'
import { examples } from '../examples.ts'
import { findClusterId } from '../find-cluster.ts'
import { parseWhole } from '../values.ts'

interface Options {
  readonly follow: boolean
  readonly worker?: number | 'scheduler'
  readonly tail?: number
}

export function addLogsCommand(program: Command): void {
  program
    .command('logs')
    .summary('show what a worker prints')
    .description('Show what a worker of a cluster has printed, also after its end.')
    .argument('<cluster>', 'its id or name')
    .option('-f, --follow', 'and what it prints from now on, until it ends', false)
    .option('-w, --worker <index>', 'which one (0), or scheduler', parseWorker)
    .option('-t, --tail <lines>', 'only the last lines', parseWhole)
    .addHelpText(
      'after',
      examples('logs etl --follow', 'logs 7 --worker 3 --tail 100', 'logs 7 --worker scheduler'),
    )
    .action(showLogs)
}

function parseWorker(text: string): number | 'scheduler' {
  return text === 'scheduler' ? text : parseWhole(text)
}

async function showLogs(typed: string, { follow, worker, tail }: Options): Promise<void> {
  const client = connect()
  const id = await findClusterId(client, typed)
  const text = unwrap(
    await client.openLogs(id, {
      ...(follow ? { follow } : {}),
      ...(worker === undefined ? {} : { worker }),
      ...(tail === undefined ? {} : { tail }),
    }),
  )
  for await (const part of text) {
    // Whoever reads slowly is waited for.
    if (!process.stdout.write(part)) await new Promise(resolve => process.stdout.once('drain', resolve))
  }
}
