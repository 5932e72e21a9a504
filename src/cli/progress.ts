import { unwrap, type Client, type Cluster } from '../client/index.ts'
import { describeState } from './describe-cluster.ts'
import { Exit, EXIT } from './exit.ts'
import { say } from './output.ts'

/** A change of anything but the status is seen after so long. */
const LOOK_SECONDS = 1
const ENDED: readonly string[] = ['stopped', 'failed']

/** One line that changes on a terminal, and a line for each change anywhere else. */
class ProgressLine {
  readonly #stream = process.stderr
  #last = ''

  show(text: string): void {
    if (text === this.#last) return
    this.#last = text
    if (!this.#stream.isTTY) this.#stream.write(`${text}\n`)
    // To the beginning of the line, and nothing left of what stood there.
    else this.#stream.write(`\r\u001B[K${text.slice(0, Math.max(20, this.#stream.columns - 1))}`)
  }

  /** What is written after it begins a line. */
  end(): void {
    if (this.#stream.isTTY && this.#last !== '') this.#stream.write('\n')
  }
}

/**
 * Shows how a cluster comes up, or ends, until it has the status or cannot have it any more. Ctrl-C leaves it as it is,
 * and says how to go on.
 */
export async function showProgress(
  client: Client,
  cluster: Cluster,
  wanted: 'running' | 'stopped',
): Promise<Cluster> {
  const { id } = cluster
  const line = new ProgressLine()
  const interrupt = new AbortController()
  const onInterrupt = () => {
    interrupt.abort()
  }
  process.once('SIGINT', onInterrupt)
  let now = cluster
  try {
    for (;;) {
      line.show(`${id} ${describeState(now, process.stderr)}`)
      if (now.status === wanted || ENDED.includes(now.status)) return now
      if (wanted === 'running' && now.status === 'stopping') return now
      const query = { signal: AbortSignal.any([interrupt.signal, AbortSignal.timeout(LOOK_SECONDS * 1000)]) }
      now = await client.waitFor(id, wanted, query).then(unwrap, async (error: unknown) => {
        interrupt.signal.throwIfAborted()
        if (error instanceof Error && error.name === 'TimeoutError')
          return unwrap(await client.getCluster(id))
        throw error
      })
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    line.end()
    const goesOn = wanted === 'running' ? `goes on. Stop it with "clusters stop ${id}"` : 'goes on ending'
    say(`The cluster ${id} ${goesOn}; "clusters watch ${id}" shows how it stands.`)
    throw new Exit(EXIT.interrupted)
  } finally {
    process.off('SIGINT', onInterrupt)
    if (!interrupt.signal.aborted) line.end()
  }
}
