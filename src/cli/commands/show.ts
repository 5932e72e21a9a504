import type { Command } from 'commander'
import { unwrap, type Cluster, type Worker } from '../../client/index.ts'
import { systemClock } from '../../lib/clock.ts'
import { formatAge, formatDuration } from '../../lib/duration.ts'
import { connect } from '../account.ts'
import { describeState } from '../describe-cluster.ts'
import { examples } from '../examples.ts'
import { findClusterId } from '../find-cluster.ts'
import { formatTable, paint, print, printJson } from '../output.ts'
import { formatTime } from '../values.ts'

export function addShowCommand(program: Command): void {
  program
    .command('show')
    .summary('show a cluster and its workers')
    .description('Show a cluster, why it is as it is, and its workers.')
    .argument('<cluster>', 'its id or name')
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('show 7', 'show etl --json'))
    .action(show)
}

async function show(typed: string, { json }: { json: boolean }): Promise<void> {
  const client = connect()
  const id = await findClusterId(client, typed)
  const cluster = unwrap(await client.getCluster(id))
  const workers = unwrap(await client.listWorkers(id))
  if (json) {
    printJson({ ...cluster, worker_list: workers })
    return
  }
  print(`${paint('bold', cluster.name)} (${id})  ${describeState(cluster)}`)
  print(formatTable(toFacts(cluster)))
  if (workers.length > 0) print(`\n${formatTable(toWorkerRows(workers))}`)
}

function toFacts(cluster: Cluster): string[][] {
  const { lifetime_seconds: lifetime, idle_timeout_seconds: idleTimeout } = cluster
  const facts: [string, string | null][] = [
    ['size', `${cluster.workers} x ${cluster.cpus} CPUs, ${cluster.memory} GiB`],
    ['runtime', cluster.runtime],
    ['command', cluster.command === null ? null : cluster.command.join(' ')],
    ['address', cluster.address],
    ['engine', cluster.engine],
    ['created', formatTime(cluster.created_at)],
    ['started', cluster.started_at === null ? null : formatTime(cluster.started_at)],
    ['ready', cluster.ready_at === null ? null : formatTime(cluster.ready_at)],
    ['expires', cluster.expires_at === null ? null : formatTime(cluster.expires_at)],
    ['lifetime', lifetime === null ? null : formatDuration(lifetime)],
    ['idle timeout', idleTimeout === null ? null : formatDuration(idleTimeout)],
    ['ended', cluster.ended_at === null ? null : formatTime(cluster.ended_at)],
  ]
  return facts.flatMap(([name, value]) => (value === null ? [] : [[paint('dim', name), value]]))
}

function toWorkerRows(workers: readonly Worker[]): string[][] {
  const now = systemClock().getTime()
  return [
    ['WORKER', 'STATUS', 'NODE', 'AGE', 'END'],
    ...workers.map(worker => [
      worker.role === 'scheduler' ? 'scheduler' : String(worker.index),
      worker.status,
      worker.node ?? '-',
      formatAge(worker.created_at, now),
      describeEnd(worker),
    ]),
  ]
}

function describeEnd({ exit_code: exitCode, signal, reason, message }: Worker): string {
  const how = signal ?? (exitCode === null ? null : `exit ${exitCode}`)
  return [how, reason?.replaceAll('_', ' ') ?? null, message].filter(part => part !== null).join(', ')
}
