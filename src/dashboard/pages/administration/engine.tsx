import { client, useData } from '../../api.ts'
import { Loading, Notice, ProblemNotice } from '../../ui.tsx'
import { formatAmount } from '../../words.ts'
import { REFETCH_MS } from './act.ts'

export function EngineSection() {
  const engine = useData(['admin', 'engine'], () => client.admin.getEngine(), { refetchMs: REFETCH_MS })
  if (engine.error !== null) return <ProblemNotice error={engine.error} />
  if (engine.data === undefined) return <Loading />
  const { problem, summary, live, users, last_pass: pass, missing_programs: missing } = engine.data
  return (
    <section aria-labelledby="engine">
      <h2 id="engine">Engine {engine.data.engine}</h2>
      {problem === null ? null : <Notice kind="danger">The engine does not answer: {problem}</Notice>}
      <dl className="tiles totals">
        <Tile label="Live clusters" value={formatAmount(live.clusters)} />
        <Tile label="Workers" value={formatAmount(live.workers)} />
        <Tile label="CPUs" value={formatAmount(live.cpus)} />
        <Tile label="Memory" value={`${formatAmount(live.memory_gib)} GiB`} />
        <Tile label="Users" value={formatAmount(users)} />
        <Tile label="Last pass" value={pass === null ? 'elsewhere' : `${pass.ms} ms`} />
      </dl>
      {summary === null ? null : <p className="hint">{summary}</p>}
      {missing.map(({ runtime, message }) => (
        <p className="hint" key={runtime}>
          {runtime}: {message}
        </p>
      ))}
    </section>
  )
}

function Tile({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  )
}
