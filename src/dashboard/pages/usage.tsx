import { useState } from 'react'
import { Link } from 'wouter'
import type { Me, MonthUsage } from '../../client/index.ts'
import { client, useData } from '../api.ts'
import { addMonths, thisMonth } from '../time.ts'
import { Button, Empty, Loading, Meter, ProblemNotice, Table } from '../ui.tsx'
import { formatAmount } from '../words.ts'

type Hours = Omit<MonthUsage, 'month' | 'clusters'>

/** What my clusters took in a month, and what of the quota is in use now. */
export function UsagePage({ me }: { me: Me }) {
  const [month, setMonth] = useState(thisMonth)
  const usage = useData(['usage', month], () => client.getUsage(month), { refetchMs: 60_000 })
  return (
    <>
      <div className="title">
        <h1>Usage</h1>
        <MonthPicker month={month} onChange={setMonth} />
      </div>
      <div className="panel meters">
        <Meter label="Clusters now" used={me.used.clusters} allowed={me.quota.clusters} unit="" />
        <Meter label="CPUs now" used={me.used.cpus} allowed={me.quota.cpus} unit="CPUs" />
        <Meter label="Memory now" used={me.used.memory_gib} allowed={me.quota.memory_gib} unit="GiB" />
      </div>
      {usage.error === null ? null : <ProblemNotice error={usage.error} />}
      {usage.data === undefined ? <Loading /> : <MonthTable usage={usage.data} />}
    </>
  )
}

export function MonthPicker({ month, onChange }: { month: string; onChange: (month: string) => void }) {
  const name = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${month}-15T00:00:00Z`),
  )
  return (
    <div className="month">
      <Button
        kind="quiet"
        aria-label="The month before"
        onClick={() => {
          onChange(addMonths(month, -1))
        }}
      >
        ←
      </Button>
      <span aria-live="polite">{name}</span>
      <Button
        kind="quiet"
        aria-label="The month after"
        disabled={month >= thisMonth()}
        onClick={() => {
          onChange(addMonths(month, 1))
        }}
      >
        →
      </Button>
    </div>
  )
}

function MonthTable({ usage }: { usage: MonthUsage }) {
  const { clusters, ...total } = usage
  if (clusters.length === 0) return <Empty title="Nothing ran in this month" />
  return (
    <>
      <Tiles hours={total} />
      <Table
        columns={[
          'Cluster',
          'Core-hours',
          'Used of them',
          'GiB-hours',
          ...(total.cost === null ? [] : ['Cost']),
        ]}
      >
        {clusters.map(({ cluster, name, ...hours }) => (
          <tr key={cluster}>
            <th scope="row">
              {name === null ? 'deleted' : <Link href={`/clusters/${cluster}`}>{name}</Link>}{' '}
              <small>#{cluster}</small>
            </th>
            <td data-label="Core-hours">{formatAmount(hours.core_hours)}</td>
            <td data-label="Used of them">{sayUsed(hours)}</td>
            <td data-label="GiB-hours">{formatAmount(hours.gib_hours)}</td>
            {hours.cost === null ? null : <td data-label="Cost">{formatCost(hours.cost)}</td>}
          </tr>
        ))}
      </Table>
    </>
  )
}

export function Tiles({ hours }: { hours: Hours }) {
  const tiles: [string, string][] = [
    ['Core-hours', formatAmount(hours.core_hours)],
    ['Used of them', sayUsed(hours)],
    ['GiB-hours', formatAmount(hours.gib_hours)],
    ...(hours.cost === null ? [] : [['Cost', formatCost(hours.cost)] as [string, string]]),
  ]
  return (
    <dl className="tiles">
      {tiles.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function sayUsed({ used_core_hours: used, core_hours: cores }: Hours): string {
  if (used === null) return 'not known'
  const amount = formatAmount(used)
  return cores === 0 ? amount : `${amount} (${Math.round((used / cores) * 100)} %)`
}

export function formatCost({ amount, currency }: NonNullable<Hours['cost']>): string {
  return new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(amount)
}
