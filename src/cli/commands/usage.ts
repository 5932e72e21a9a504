import type { Command } from 'commander'
import { unwrap, type ClusterUsage, type MonthUsage } from '../../client/index.ts'
import { connect } from '../account.ts'
import { examples } from '../examples.ts'
import { findClusterId } from '../find-cluster.ts'
import { formatTable, print, printJson } from '../output.ts'
import { formatAmount } from '../values.ts'

export function addUsageCommand(program: Command): void {
  program
    .command('usage')
    .summary('show what your clusters took, and what of it they used')
    .description('Show what your clusters took in a month, or what one of them took.')
    .argument('[cluster]', 'its id or name')
    .option('--month <month>', 'such as 2026-11, in UTC; this one without it')
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('usage', 'usage --month 2026-11', 'usage etl --json'))
    .action(showUsage)
}

async function showUsage(
  typed: string | undefined,
  { month, json }: { month?: string; json: boolean },
): Promise<void> {
  const client = connect()
  if (typed === undefined) {
    const usage = unwrap(await client.getUsage(month))
    if (json) printJson(usage)
    else print(formatTable(toMonthRows(usage)))
    return
  }
  const usage = unwrap(await client.getClusterUsage(await findClusterId(client, typed)))
  if (json) printJson(usage)
  else print(describeClusterUsage(usage))
}

function toMonthRows({ month, clusters, ...total }: MonthUsage): string[][] {
  const cells = ({ core_hours: cores, gib_hours: gib, used_core_hours: used, cost }: typeof total) => [
    formatAmount(cores),
    used === null ? '-' : formatAmount(used),
    formatAmount(gib),
    ...(cost === null ? [] : [`${formatAmount(cost.amount)} ${cost.currency}`]),
  ]
  return [
    ['ID', 'NAME', 'CORE-HOURS', 'USED', 'GIB-HOURS', ...(total.cost === null ? [] : ['COST'])],
    ...clusters.map(({ cluster, name, ...hours }) => [String(cluster), name ?? '(deleted)', ...cells(hours)]),
    ['', month, ...cells(total)],
  ]
}

function atMost(amount: number | null, unit: string): string {
  return amount === null
    ? 'how much was used is not known yet'
    : `used ${formatAmount(amount)} ${unit} at most`
}

function describeClusterUsage(usage: ClusterUsage): string {
  const { requested, peak, core_hours: cores, gib_hours: gib, used_core_hours: used, cost } = usage
  const lines = [
    `asked for ${requested.cpus} CPUs, ${atMost(peak.cpus, 'CPUs')}`,
    `asked for ${requested.memory_gib} GiB, ${atMost(peak.memory_gib, 'GiB')}`,
    `${formatAmount(cores)} core-hours${used === null ? '' : `, of which ${formatAmount(used)} were used`}`,
    `${formatAmount(gib)} GiB-hours`,
    ...(cost === null ? [] : [`${formatAmount(cost.amount)} ${cost.currency}`]),
  ]
  return lines.join('\n')
}
