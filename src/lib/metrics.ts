import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Upper bounds of the buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

const NAME = 'clusters_http_request_duration_seconds'

/** How often each duration was seen for one method, route and status. */
class Durations {
  readonly #counts = new Float64Array(BUCKETS.length + 1)
  #sum = 0

  observe(seconds: number): void {
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] ?? 0)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += seconds
  }

  render(labels: string): string[] {
    let count = 0
    const buckets = [...this.#counts].map((seen, index) => {
      count += seen
      return `${NAME}_bucket{le="${BUCKETS[index] ?? '+Inf'}",${labels}} ${count}`
    })
    return [...buckets, `${NAME}_sum{${labels}} ${this.#sum}`, `${NAME}_count{${labels}} ${count}`]
  }
}

/** What the server measures of itself, in Prometheus' text form. One registry for each server. */
export class Metrics {
  readonly #registry = new Registry()
  // Our own histogram: prom-client's looks its labels up for each observation, which is a tenth of a GET.
  /** By route, then by method, then by status. */
  readonly #requests = new Map<string, Map<string, Map<number, Durations>>>()

  #countOpenStreams: () => number = () => 0

  readonly #passes: Histogram
  readonly #liveClusters: Gauge

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#passes = new Histogram({
      name: 'clusters_pass_duration_seconds',
      help: 'Time of one pass of the reconcile loop.',
      buckets: [...BUCKETS],
      registers,
    })
    this.#liveClusters = new Gauge({
      name: 'clusters_live',
      help: 'Clusters that have not ended, as the last pass saw them.',
      registers,
    })
  }

  /** A pass of the reconcile loop over so many live clusters. */
  observePass(seconds: number, clusters: number): void {
    this.#passes.observe(seconds)
    this.#liveClusters.set(clusters)
  }

  /** `route` is a pattern, never a path: each distinct one is kept for ever. */
  observeRequest(method: string, route: string, status: number, seconds: number): void {
    const ofRoute = getOrAdd(this.#requests, route, () => new Map<string, Map<number, Durations>>())
    const ofMethod = getOrAdd(ofRoute, method, () => new Map<number, Durations>())
    getOrAdd(ofMethod, status, () => new Durations()).observe(seconds)
  }

  /** Where the number of open streams is to be had. */
  watchOpenStreams(count: () => number): void {
    this.#countOpenStreams = count
  }

  async render(): Promise<string> {
    const requests = [...this.#requests].flatMap(([route, methods]) =>
      [...methods].flatMap(([method, statuses]) =>
        [...statuses].flatMap(([status, durations]) =>
          durations.render(`method="${method}",route="${route}",status="${status}"`),
        ),
      ),
    )
    return [
      await this.#registry.metrics(),
      `# HELP ${NAME} Time from the head of the request to the end of its answer.`,
      `# TYPE ${NAME} histogram`,
      ...requests,
      '# HELP clusters_open_streams Streams, followed outputs and waiting requests that are open now.',
      '# TYPE clusters_open_streams gauge',
      `clusters_open_streams ${this.#countOpenStreams()}`,
      '',
    ].join('\n')
  }

  get contentType(): string {
    return this.#registry.contentType
  }
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
