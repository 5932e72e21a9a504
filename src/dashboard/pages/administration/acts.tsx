import { client, useData } from '../../api.ts'
import { formatMoment } from '../../time.ts'
import { Empty, ProblemNotice } from '../../ui.tsx'

const ACTS = {
  disable_user: 'disabled',
  enable_user: 'enabled',
  set_quota: 'set the quota of',
  stop_cluster: 'stopped a cluster of',
} as const

export function ActsSection() {
  const acts = useData(['admin', 'acts'], () => client.admin.listActs({ limit: 50 }))
  return (
    <section aria-labelledby="acts">
      <h2 id="acts">Audit</h2>
      {acts.error === null ? null : <ProblemNotice error={acts.error} />}
      {acts.data?.length === 0 ? <Empty title="No administrator has done anything yet" /> : null}
      <ol className="timeline">
        {acts.data?.map(({ id, at, administrator, action, user, cluster }) => (
          <li key={id}>
            <time dateTime={at}>{formatMoment(at)}</time>
            <span>
              {administrator} {ACTS[action]} {user}
              {cluster === null ? null : ` (#${cluster})`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
