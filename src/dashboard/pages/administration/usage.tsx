import { useState } from 'react'
import { client, useData } from '../../api.ts'
import { thisMonth } from '../../time.ts'
import { Empty, Loading, ProblemNotice, Table } from '../../ui.tsx'
import { formatAmount } from '../../words.ts'
import { MonthPicker, formatCost, sayUsed } from '../usage.tsx'

export function UsageSection() {
  const [month, setMonth] = useState(thisMonth)
  const usage = useData(['admin', 'usage', month], () => client.admin.getUsage(month))
  return (
    <section aria-labelledby="all-usage">
      <div className="title">
        <h2 id="all-usage">Usage of everybody</h2>
        <MonthPicker month={month} onChange={setMonth} />
      </div>
      {usage.error === null ? null : <ProblemNotice error={usage.error} />}
      {usage.data === undefined ? <Loading /> : null}
      {usage.data?.users.length === 0 ? <Empty title="Nothing ran in this month" /> : null}
      {usage.data === undefined || usage.data.users.length === 0 ? null : (
        <Table columns={['User', 'Core-hours', 'Used of them', 'GiB-hours', 'Cost']}>
          {usage.data.users.map(({ user, username, ...hours }) => (
            <tr key={user}>
              <th scope="row">{username}</th>
              <td data-label="Core-hours">{formatAmount(hours.core_hours)}</td>
              <td data-label="Used of them">{sayUsed(hours)}</td>
              <td data-label="GiB-hours">{formatAmount(hours.gib_hours)}</td>
              <td data-label="Cost">{hours.cost === null ? 'no price' : formatCost(hours.cost)}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}
