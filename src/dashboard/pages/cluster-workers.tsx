import type { Cluster, Worker } from '../../client/index.ts'
import { client, useData } from '../api.ts'
import { Button, Loading, ProblemNotice } from '../ui.tsx'
import { isLive } from '../words.ts'
import type { WorkerName } from './cluster-logs.tsx'

export function WorkersSection({
  cluster,
  onLogs,
}: {
  cluster: Cluster
  onLogs: (worker: WorkerName) => void
}) {
  const workers = useData(['cluster', cluster.id, 'workers'], () => client.listWorkers(cluster.id), {
    refetchMs: isLive(cluster) ? 3000 : false,
  })
  return (
    <section className="panel" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {workers.error === null ? null : <ProblemNotice error={workers.error} />}
      {workers.data === undefined ? <Loading rows={2} /> : null}
      {workers.data?.length === 0 ? <p className="hint">None has been launched yet.</p> : null}
      <ul className="workers">
        {workers.data?.map(worker => (
          <li key={worker.id}>
            <span className={`dot ${worker.status}`} aria-hidden="true" />
            <span className="name">{nameOf(worker)}</span>
            <span className="state">{describe(worker)}</span>
            <Button
              kind="quiet"
              aria-label={`Logs of ${nameOf(worker)}`}
              onClick={() => {
                onLogs(worker.role === 'scheduler' ? 'scheduler' : worker.index)
              }}
            >
              Logs
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}

function nameOf({ role, index }: Worker): string {
  return role === 'scheduler' ? 'scheduler' : `worker ${index}`
}

function describe({ status, node, exit_code: exitCode, signal, reason, attempt }: Worker): string {
  const parts = [
    status,
    signal ?? (exitCode === null ? null : `exit ${exitCode}`),
    reason?.replaceAll('_', ' ') ?? null,
    node === null ? null : `on ${node}`,
    attempt > 1 ? `attempt ${attempt}` : null,
  ]
  return parts.filter(part => part !== null).join(', ')
}
