import { useInfiniteQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { Link } from 'wouter'
import { unwrap, type Cluster, type ClusterStatus } from '../../client/index.ts'
import { formatAge } from '../../lib/duration.ts'
import { client } from '../api.ts'
import { useNow } from '../time.ts'
import { Button, Empty, Loading, ProblemNotice, StatusPill, Table } from '../ui.tsx'
import { isLive, plural, sayReason, STATUSES } from '../words.ts'

const PAGE = 100

/** My clusters, as they come and go. */
export function ClustersPage() {
  const [status, setStatus] = useState<ClusterStatus>()
  const [typed, setTyped] = useState('')
  const name = useDeferredValue(typed.trim())
  const clusters = useInfiniteQuery({
    queryKey: ['clusters', status, name],
    queryFn: async ({ pageParam }) =>
      unwrap(
        await client.listClusters({
          limit: PAGE,
          ...(status === undefined ? {} : { status }),
          ...(name === '' ? {} : { name }),
          ...(pageParam === undefined ? {} : { cursor: pageParam }),
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.next,
    placeholderData: before => before,
  })
  const items = clusters.data?.pages.flatMap(page => page.items) ?? []
  const isFiltered = status !== undefined || name !== ''
  return (
    <>
      <div className="title">
        <h1>Clusters</h1>
        <Link href="/new" className="button primary">
          New cluster
        </Link>
      </div>
      <div className="filters" role="search">
        <input
          type="search"
          aria-label="Name begins with"
          placeholder="Name begins with …"
          value={typed}
          onChange={event => {
            setTyped(event.target.value)
          }}
        />
        <div className="chips" role="group" aria-label="Status">
          <Chip
            isOn={status === undefined}
            onClick={() => {
              setStatus(undefined)
            }}
          >
            all
          </Chip>
          {STATUSES.map(each => (
            <Chip
              key={each}
              isOn={status === each}
              onClick={() => {
                setStatus(each)
              }}
            >
              {each}
            </Chip>
          ))}
        </div>
      </div>
      {clusters.error === null ? null : <ProblemNotice error={clusters.error} />}
      {clusters.data === undefined && clusters.error === null ? <Loading rows={5} /> : null}
      {items.length > 0 ? <ClusterTable clusters={items} /> : null}
      {clusters.data !== undefined && items.length === 0 ? <Nothing isFiltered={isFiltered} /> : null}
      {clusters.hasNextPage ? (
        <div className="more">
          <Button busy={clusters.isFetchingNextPage} onClick={() => void clusters.fetchNextPage()}>
            Show more
          </Button>
          <span>{plural(items.length, 'cluster')} shown</span>
        </div>
      ) : null}
    </>
  )
}

function Chip({ isOn, onClick, children }: { isOn: boolean; onClick: () => void; children: string }) {
  return (
    <button type="button" className="chip" aria-pressed={isOn} onClick={onClick}>
      {children}
    </button>
  )
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) return <Empty title="None of your clusters is like that" />
  return (
    <Empty title="You have no clusters yet">
      <p>Say how many workers you need and how large each is. It runs a moment later.</p>
      <Link href="/new" className="button primary">
        Create your first cluster
      </Link>
    </Empty>
  )
}

function ClusterTable({ clusters }: { clusters: readonly Cluster[] }) {
  const now = useNow(5000)
  return (
    <Table className="clusters" columns={['Name', 'Status', 'Workers', 'Each', 'Runs', 'Age']}>
      {clusters.map(cluster => (
        <tr key={cluster.id}>
          <th scope="row">
            <Link href={`/clusters/${cluster.id}`}>{cluster.name}</Link> <small>#{cluster.id}</small>
          </th>
          <td>
            <StatusPill status={cluster.status} />
            {cluster.reason === 'ready' ? null : <small className="why">{sayReason(cluster.reason)}</small>}
          </td>
          <td data-label="Workers">
            {isLive(cluster) ? `${cluster.ready_workers} of ${cluster.workers} ready` : cluster.workers}
          </td>
          <td data-label="Each">
            {plural(cluster.cpus, 'CPU')}, {cluster.memory} GiB
          </td>
          <td data-label="Runs">{cluster.runtime}</td>
          <td data-label="Age">{formatAge(cluster.created_at, now)}</td>
        </tr>
      ))}
    </Table>
  )
}
