import { client, useData } from '../api.ts'
import { formatClock, useNow } from '../time.ts'
import { Loading, ProblemNotice, StatusPill } from '../ui.tsx'
import { sayReason } from '../words.ts'

/** What happened to it, the newest first. */
export function TimelineSection({ id }: { id: number }) {
  const events = useData(['cluster', id, 'events'], () => client.listEvents({ cluster: id, limit: 100 }))
  const now = useNow(60_000)
  return (
    <section className="panel" aria-labelledby="events">
      <h2 id="events">Events</h2>
      {events.error === null ? null : <ProblemNotice error={events.error} />}
      {events.data === undefined ? <Loading rows={2} /> : null}
      <ol className="timeline">
        {events.data?.items.map(({ id: number, at, status, reason, message }, index, all) => (
          <li key={number}>
            <time dateTime={at}>{formatClock(at, now)}</time>
            <StatusPill status={status} />
            <span>
              {sayReason(reason)}
              {/* What fails says so when it begins to end, and at its end. */}
              {message === null || message === all[index - 1]?.message ? null : <small>{message}</small>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
