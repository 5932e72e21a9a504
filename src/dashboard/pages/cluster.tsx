import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import type { Cluster, Problem, Result } from '../../client/index.ts'
import { formatDuration, secondsBetween } from '../../lib/duration.ts'
import { client, toProblem, useData } from '../api.ts'
import { formatMoment, useNow } from '../time.ts'
import { Button, Confirm, CopyButton, Empty, Loading, Notice, ProblemNotice, StatusPill } from '../ui.tsx'
import { isLive, plural, sayReason } from '../words.ts'
import { LogsSection, type WorkerName } from './cluster-logs.tsx'
import { TimelineSection } from './cluster-timeline.tsx'
import { ClusterUsageSection } from './cluster-usage.tsx'
import { WorkersSection } from './cluster-workers.tsx'

const REFETCH_MS = 3000

export function ClusterPage({ id }: { id: number }) {
  const cluster = useData(['cluster', id], () => client.getCluster(id), {
    // A worker becomes ready without an event.
    refetchMs: REFETCH_MS,
  })
  const offer = useData(['offer'], () => client.getOffer())
  const [worker, setWorker] = useState<WorkerName>(0)
  if (cluster.data === undefined) {
    if (cluster.error === null) return <Loading rows={6} />
    if (toProblem(cluster.error).status !== 404) return <ProblemNotice error={cluster.error} />
  }
  if (cluster.data === undefined || (cluster.error !== null && toProblem(cluster.error).status === 404)) {
    return (
      <Empty title="There is no such cluster" isPage>
        <p>It was deleted, or somebody else created it.</p>
        <Link href="/">To your clusters</Link>
      </Empty>
    )
  }
  const hasScheduler =
    offer.data?.runtimes.find(({ name }) => name === cluster.data.runtime)?.has_scheduler === true
  return (
    <>
      <ClusterHead cluster={cluster.data} />
      <Why cluster={cluster.data} />
      <div className="columns">
        <div>
          <Connect cluster={cluster.data} />
          <ClusterUsageSection cluster={cluster.data} />
          <LogsSection
            cluster={cluster.data}
            hasScheduler={hasScheduler}
            worker={worker}
            onWorker={setWorker}
          />
        </div>
        <div>
          <Facts cluster={cluster.data} />
          <WorkersSection cluster={cluster.data} onLogs={setWorker} />
          <TimelineSection id={id} />
        </div>
      </div>
    </>
  )
}

function ClusterHead({ cluster }: { cluster: Cluster }) {
  const { id, name, status, workers } = cluster
  const cache = useQueryClient()
  const [, goTo] = useLocation()
  const [problem, setProblem] = useState<Problem>()
  const [asking, setAsking] = useState<'stop' | 'delete'>()
  const act = async (doing: Promise<Result<unknown>>) => {
    const result = await doing
    setProblem(result.ok ? undefined : result.problem)
    await cache.invalidateQueries({ queryKey: ['cluster', id] })
    await cache.invalidateQueries({ queryKey: ['clusters'] })
    return result.ok
  }
  const canStop = isLive(cluster) && status !== 'stopping'
  return (
    <>
      <div className="title">
        <h1>
          {name} <small>#{id}</small>
        </h1>
        <StatusPill status={status} />
        <div className="actions">
          {canStop ? (
            <Scale
              key={workers}
              workers={workers}
              onScale={count => void act(client.updateCluster(id, { workers: count }))}
            />
          ) : null}
          {canStop ? (
            <Button
              onClick={() => {
                setAsking('stop')
              }}
            >
              Stop
            </Button>
          ) : null}
          <Button
            kind="danger"
            onClick={() => {
              setAsking('delete')
            }}
          >
            Delete
          </Button>
        </div>
      </div>
      {problem === undefined ? null : <Notice kind="danger">{problem.detail}</Notice>}
      {asking === 'stop' ? (
        <Confirm
          title={`Stop ${name}?`}
          action="Stop it"
          onConfirm={() => void act(client.stopCluster(id))}
          onClose={() => {
            setAsking(undefined)
          }}
        >
          What its {plural(workers, 'worker is', 'workers are')} doing is lost. What they printed can still be
          read.
        </Confirm>
      ) : null}
      {asking === 'delete' ? (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete it"
          onConfirm={() => {
            void act(client.deleteCluster(id)).then(isDone => {
              if (isDone) goTo('/')
            })
          }}
          onClose={() => {
            setAsking(undefined)
          }}
        >
          {isLive(cluster) ? 'It is stopped first. ' : null}Its events and its output are gone with it.
        </Confirm>
      ) : null}
    </>
  )
}

function Scale({ workers, onScale }: { workers: number; onScale: (workers: number) => void }) {
  const [wanted, setWanted] = useState(String(workers))
  const isChanged = /^[1-9]\d*$/.test(wanted) && Number(wanted) !== workers
  return (
    <form
      className="scale"
      onSubmit={event => {
        event.preventDefault()
        if (isChanged) onScale(Number(wanted))
      }}
    >
      <label>
        Workers
        <input
          inputMode="numeric"
          size={4}
          value={wanted}
          onChange={event => {
            setWanted(event.target.value)
          }}
        />
      </label>
      <Button type="submit" disabled={!isChanged}>
        Scale
      </Button>
    </form>
  )
}

/** Why it is as it is. */
function Why({ cluster: { status, reason, message, workers, ready_workers: ready } }: { cluster: Cluster }) {
  const kind =
    status === 'failed' ? 'danger' : status === 'running' || status === 'stopped' ? 'info' : 'warning'
  const isComing = status === 'starting' || (status === 'running' && ready < workers)
  if (status === 'running' && reason === 'ready' && message === null && !isComing) return null
  return (
    <Notice kind={kind}>
      <strong>{sayReason(reason)}.</strong>{' '}
      {isComing ? `${ready} of ${plural(workers, 'worker')} ready. ` : null}
      {message}
    </Notice>
  )
}

function Facts({ cluster }: { cluster: Cluster }) {
  const now = useNow()
  const { started_at: startedAt, ended_at: endedAt, expires_at: expiresAt } = cluster
  const ranUntil = endedAt === null ? now : Date.parse(endedAt)
  const facts: [string, string | null][] = [
    ['Workers', `${cluster.workers} × ${plural(cluster.cpus, 'CPU')}, ${cluster.memory} GiB`],
    ['Runs', cluster.runtime],
    ['Command', cluster.command === null ? null : cluster.command.join(' ')],
    ['Engine', cluster.engine],
    ['Created', formatMoment(cluster.created_at)],
    [
      endedAt === null ? 'Up for' : 'Was up for',
      startedAt === null ? null : formatDuration(secondsBetween(startedAt, ranUntil)),
    ],
    ['Ends at the latest', expiresAt === null ? null : formatMoment(expiresAt)],
    [
      'Ends when idle for',
      cluster.idle_timeout_seconds === null ? null : formatDuration(cluster.idle_timeout_seconds),
    ],
    ['Ended', endedAt === null ? null : formatMoment(endedAt)],
  ]
  return (
    <section className="panel" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <dl className="facts">
        {facts.map(([name, value]) =>
          value === null ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  )
}

/** The address, for Dask the lines that use it, and where nobody else gets in the file that lets its creator in. */
function Connect({ cluster: { id, address, runtime } }: { cluster: Cluster }) {
  if (address === null) return null
  const credentials = address.startsWith('tls://') ? `cluster-${id}.pem` : undefined
  const lines = toLines(address, credentials)
  return (
    <section className="panel" aria-labelledby="connect">
      <h2 id="connect">Connect</h2>
      <p className="secret">
        <code>{address}</code>
        <CopyButton text={address} label="Copy the address" />
      </p>
      {credentials === undefined ? null : (
        <p>
          <a href={`/clusters/${id}/credentials`} download={credentials}>
            Download {credentials}
          </a>
          : it lets you in and nobody else. Whoever has it can run code in this cluster.
        </p>
      )}
      {runtime === 'dask' ? (
        <div className="code">
          <pre tabIndex={0} aria-label="How to connect">
            {lines}
          </pre>
          <CopyButton text={lines} label="Copy the lines that connect" />
        </div>
      ) : null}
    </section>
  )
}

function toLines(address: string, credentials: string | undefined): string {
  const use = 'client.submit(sum, range(10)).result()'
  if (credentials === undefined) {
    return ['from dask.distributed import Client', `client = Client("${address}")`, use].join('\n')
  }
  const files = ['tls_ca_file', 'tls_client_cert', 'tls_client_key'].map(name => `${name}="${credentials}"`)
  return [
    'from dask.distributed import Client, Security',
    `tls = Security(require_encryption=True, ${files.join(', ')})`,
    `client = Client("${address}", security=tls)`,
    use,
  ].join('\n')
}
