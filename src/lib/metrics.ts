import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** What the server measures of itself, in Prometheus' text form. One registry for each server. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Histogram
  /** One child for each route and status: finding it by its labels costs more than the observation. */
  readonly #children = new Map<string, ReturnType<Histogram['labels']>>()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    this.#requests = new Histogram({
      name: 'clusters_http_request_duration_seconds',
      help: 'Time from the request to the end of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [this.#registry],
    })
  }

  /** `route` is a pattern, never a path: each distinct one is kept for ever. */
  observeRequest(method: string, route: string, status: number, seconds: number): void {
    const key = `${method} ${route} ${status}`
    let child = this.#children.get(key)
    if (child === undefined) {
      child = this.#requests.labels(method, route, String(status))
      this.#children.set(key, child)
    }
    child.observe(seconds)
  }

  render(): Promise<string> {
    return this.#registry.metrics()
  }

  get contentType(): string {
    return this.#registry.contentType
  }
}
