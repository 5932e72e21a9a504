import type { Cluster, ClusterUsage } from '../../client/index.ts'
import { client, useData } from '../api.ts'
import { formatAmount, isLive } from '../words.ts'
import { Chart } from '../chart.tsx'
import { Tiles } from './usage.tsx'

/** What it asked for, and what of it it used. */
export function ClusterUsageSection({ cluster }: { cluster: Cluster }) {
  const usage = useData(['cluster', cluster.id, 'usage'], () => client.getClusterUsage(cluster.id), {
    refetchMs: isLive(cluster) ? 15_000 : false,
  })
  if (usage.data === undefined || cluster.started_at === null) return null
  const { samples, requested, peak } = usage.data
  return (
    <section className="panel" aria-labelledby="usage">
      <h2 id="usage">Usage</h2>
      <p>{sayPeak(usage.data)}</p>
      <Tiles hours={usage.data} />
      {samples.length < 2 ? (
        <p className="hint">
          {isLive(cluster) && peak.cpus === null
            ? 'One sample a minute is kept, where the engine can tell.'
            : 'There are too few samples to draw.'}
        </p>
      ) : (
        <div className="charts">
          <Chart
            title="CPUs"
            asked={requested.cpus}
            times={samples.map(({ at }) => Date.parse(at))}
            values={samples.map(({ cpus }) => cpus)}
          />
          <Chart
            title="Memory in GiB"
            asked={requested.memory_gib}
            times={samples.map(({ at }) => Date.parse(at))}
            values={samples.map(({ memory_gib: memory }) => memory)}
          />
        </div>
      )}
    </section>
  )
}

function sayPeak({ requested, peak }: ClusterUsage): string {
  const cpus = peak.cpus === null ? '' : `, used ${formatAmount(peak.cpus)} at most`
  const memory = peak.memory_gib === null ? '' : `, used ${formatAmount(peak.memory_gib)} at most`
  return `Asked for ${formatAmount(requested.cpus)} CPUs${cpus}; asked for ${formatAmount(requested.memory_gib)} GiB${memory}.`
}
