import { useState } from 'react'
import type { AdministeredCluster } from '../../../client/administration.ts'
import { formatAge } from '../../../lib/duration.ts'
import { client, useData } from '../../api.ts'
import { useNow } from '../../time.ts'
import { Button, Confirm, Empty, Loading, ProblemNotice, StatusPill, Table } from '../../ui.tsx'
import { formatAmount, sayReason } from '../../words.ts'
import { REFETCH_MS, type Act } from './act.ts'

export function ClustersSection({ act }: { act: Act }) {
  const clusters = useData(['admin', 'clusters'], () => client.admin.listClusters({ limit: 200 }), {
    refetchMs: REFETCH_MS,
  })
  const [stopping, setStopping] = useState<AdministeredCluster>()
  const now = useNow(5000)
  return (
    <section aria-labelledby="all-clusters">
      <h2 id="all-clusters">Live clusters</h2>
      {clusters.error === null ? null : <ProblemNotice error={clusters.error} />}
      {clusters.data === undefined ? <Loading /> : null}
      {clusters.data?.length === 0 ? <Empty title="Nothing runs" /> : null}
      {clusters.data === undefined || clusters.data.length === 0 ? null : (
        <Table columns={['Cluster', 'Status', 'Takes', 'Age']} actions="Stop">
          {clusters.data.map(cluster => (
            <tr key={cluster.id}>
              <th scope="row">
                #{cluster.id} <small>of {cluster.creator_name}</small>
              </th>
              <td>
                <StatusPill status={cluster.status} />
                {cluster.reason === 'ready' ? null : (
                  <small className="why">{sayReason(cluster.reason)}</small>
                )}
              </td>
              <td data-label="Takes">
                {formatAmount(cluster.workers * cluster.cpus)} CPUs,{' '}
                {formatAmount(cluster.workers * cluster.memory)} GiB
              </td>
              <td data-label="Age">{formatAge(cluster.created_at, now)}</td>
              <td className="end">
                <Button
                  kind="quiet"
                  aria-label={`Stop cluster ${cluster.id}`}
                  disabled={cluster.status === 'stopping'}
                  onClick={() => {
                    setStopping(cluster)
                  }}
                >
                  Stop
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {stopping === undefined ? null : (
        <Confirm
          title={`Stop cluster ${stopping.id} of ${stopping.creator_name}?`}
          action="Stop it"
          onConfirm={() => {
            act(client.admin.stopCluster(stopping.id))
          }}
          onClose={() => {
            setStopping(undefined)
          }}
        >
          What it is doing is lost. {stopping.creator_name} sees that an administrator stopped it.
        </Confirm>
      )}
    </section>
  )
}
