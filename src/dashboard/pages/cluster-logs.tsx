import { useEffect, useRef, useState } from 'react'
import type { Cluster, Problem } from '../../client/index.ts'
import { client, toProblem } from '../api.ts'
import { Notice } from '../ui.tsx'

/** A worker's index, or the scheduler. */
export type WorkerName = number | 'scheduler'

const TAIL = 1000
/** More would only make the page slow. */
const MOST_CHARACTERS = 400_000
const RETRY_MS = 2000

/** What a worker prints, as it comes. */
export function LogsSection({
  cluster: { id, workers },
  hasScheduler,
  worker,
  onWorker,
}: {
  cluster: Cluster
  hasScheduler: boolean
  worker: WorkerName
  onWorker: (worker: WorkerName) => void
}) {
  const { text, problem } = useLogs(id, worker)
  const box = useRef<HTMLPreElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    const { current } = box
    // Whoever has scrolled up is reading.
    if (current !== null && isAtEnd.current) current.scrollTop = current.scrollHeight
  }, [text])
  return (
    <section className="panel" aria-labelledby="logs">
      <div className="title">
        <h2 id="logs">Logs</h2>
        {workers === 1 && !hasScheduler ? null : (
          <label>
            of worker{' '}
            <select
              value={worker}
              onChange={event => {
                const { value } = event.target
                onWorker(value === 'scheduler' ? value : Number(value))
              }}
            >
              {hasScheduler ? <option>scheduler</option> : null}
              {Array.from({ length: workers }, (_, index) => (
                <option key={index}>{index}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      {problem === undefined ? null : <Notice kind="warning">{problem.detail}</Notice>}
      <pre
        ref={box}
        className="logs"
        tabIndex={0}
        aria-label={worker === 'scheduler' ? 'Output of the scheduler' : `Output of worker ${worker}`}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 20
        }}
      >
        {text === '' ? <span className="nothing">Nothing has been printed yet.</span> : text}
      </pre>
    </section>
  )
}

function useLogs(id: number, worker: WorkerName): { text: string; problem: Problem | undefined } {
  const [text, setText] = useState('')
  const [problem, setProblem] = useState<Problem>()
  useEffect(() => {
    const stop = new AbortController()
    setText('')
    const read = async () => {
      const opened = await client.openLogs(id, { worker, tail: TAIL, follow: true, signal: stop.signal })
      if (!opened.ok) return opened.problem
      let shown = ''
      for await (const part of opened.data) {
        shown = (shown + part).slice(-MOST_CHARACTERS)
        setText(shown)
      }
      return undefined
    }
    const follow = async () => {
      for (;;) {
        const found = await read().catch((error: unknown) => toProblem(error))
        if (stop.signal.aborted) return
        setProblem(found)
        // It has ended, or is refused: only a server that is away comes back.
        if (found === undefined || (found.status !== 0 && found.status < 500)) return
        await new Promise(resolve => setTimeout(resolve, RETRY_MS))
      }
    }
    void follow()
    return () => {
      stop.abort()
    }
  }, [id, worker])
  return { text, problem }
}
