/** The load generator, in a process of its own so that it can be kept on a core of its own. */
import autocannon from 'autocannon'

export interface Load {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Shared out to the connections, each requests its own in turn; `/` when absent. */
  readonly paths?: readonly string[]
}

export interface LoadResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers other than 2xx, and errors. */
  readonly failures: number
}

const load = JSON.parse(process.argv[2] ?? '{}') as Load
const paths = load.paths ?? ['/']
/** Its own of the paths for each connection: to build all of them for all connections takes longer than a round. */
const perConnection = Math.max(1, Math.ceil(paths.length / load.connections))
let connected = 0
const result = await autocannon({
  url: load.url,
  connections: load.connections,
  duration: load.seconds,
  setupClient: client => {
    const first = connected * perConnection
    connected += 1
    client.setRequests(
      Array.from({ length: perConnection }, (_, index) => ({
        path: paths[(first + index) % paths.length] ?? '/',
        method: load.method ?? 'GET',
        headers: { ...load.headers },
        ...(load.body === undefined ? {} : { body: load.body }),
      })),
    )
  },
})
const output: LoadResult = {
  requests: result.requests.total,
  perSecond: result.requests.total / result.duration,
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
  failures: result.non2xx + result.errors + result.timeouts,
}
process.stdout.write(JSON.stringify(output))
