import { followEvents, pause, readText, type Event, type FollowOptions } from './events.ts'
import { Administration } from './administration.ts'
import type { components, operations } from './schema.ts'
import { unreachable, type Problem, type Result } from './result.ts'
import { isAbort, Transport, type Credentials, type Fetch } from './transport.ts'

export { ProblemError, unwrap } from './result.ts'
export { readText } from './events.ts'
export type { Credentials, Event, FollowOptions, Problem, Result }
export type { components, operations, paths } from './schema.ts'

type Schemas = components['schemas']
export type Cluster = Schemas['Cluster']
export type ClusterStatus = Cluster['status']
export type Worker = Schemas['Worker']
export type Me = Schemas['Me']
export type Offer = Schemas['Offer']
export type Token = Schemas['Token']
export type IssuedToken = Schemas['IssuedToken']
export type ClusterUsage = Schemas['ClusterUsage']
export type MonthUsage = Schemas['MonthUsage']
/** What a new cluster is to be; its creator is whoever asks. */
export type NewCluster = Omit<Schemas['ClusterRequest'], 'creator'>
export type ClusterChanges = Schemas['ClusterChanges']
export type ClusterFilter = NonNullable<operations['listClusters']['parameters']['query']>

export type ClientOptions = Credentials & {
  /** Of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string
  /** Instead of the global one. */
  readonly fetch?: Fetch
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** For `cursor` of the next page; `undefined`: that was the last. */
  readonly next: string | undefined
}

export interface LogsOptions {
  /** Its index, or the scheduler. */
  readonly worker?: number | 'scheduler'
  readonly tail?: number
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/** A server answers within that, or has nothing to say yet. */
const LONGEST_WAIT_SECONDS = 50
const RETRY_MS = 1000

/**
 * A face of the API in which what is expected to go wrong is a result and not an exception. Only an abort rejects, as
 * it does with `fetch`.
 */
export class Client {
  /** For administrators. */
  readonly admin: Administration
  readonly #transport: Transport
  #me: Promise<Result<Me>> | undefined

  constructor({ url, fetch: ownFetch, ...credentials }: ClientOptions) {
    this.#transport = new Transport(url, credentials, ownFetch ?? (request => fetch(request)))
    this.admin = new Administration(this.#transport)
  }

  get url(): string {
    return this.#transport.url
  }

  /** With a user name and password to a new token. */
  async login(username: string, password: string): Promise<Result<{ auth_token: string }>> {
    return await this.#withCsrf(headers =>
      this.#transport.api.POST('/token/login', { body: { username, password }, headers }),
    )
  }

  /** The token that requests are made with is dead after it. */
  logout(): Promise<Result<unknown>> {
    return this.#transport.settle(this.#transport.api.POST('/token/logout'))
  }

  /** In a browser: the token of the login becomes a cookie. */
  async startSession(username: string, password: string): Promise<Result<unknown>> {
    this.#me = undefined
    return await this.#withCsrf(headers =>
      this.#transport.api.POST('/session', { body: { username, password }, headers }),
    )
  }

  async endSession(): Promise<Result<unknown>> {
    this.#me = undefined
    return await this.#transport.settle(this.#transport.api.DELETE('/session'))
  }

  getMe(): Promise<Result<Me>> {
    return this.#transport.settle(this.#transport.api.GET('/users/me'))
  }

  getOffer(): Promise<Result<Offer>> {
    return this.#transport.settle(this.#transport.api.GET('/runtimes'))
  }

  /** With an `idempotencyKey` it can be sent again when no answer came. */
  async createCluster(
    request: NewCluster,
    options: { idempotencyKey?: string } = {},
  ): Promise<Result<Cluster>> {
    this.#me ??= this.getMe()
    const me = await this.#me
    if (!me.ok) {
      this.#me = undefined
      return me
    }
    const headers = options.idempotencyKey === undefined ? {} : { 'Idempotency-Key': options.idempotencyKey }
    const body = { creator: me.data.id, ...request }
    return await this.#transport.settle(this.#transport.api.POST('/clusters', { body, headers }))
  }

  /** The newest first. */
  async listClusters(filter: ClusterFilter = {}): Promise<Result<Page<Cluster>>> {
    const result = await this.#transport.settle(
      this.#transport.api.GET('/clusters', { params: { query: filter } }),
    )
    if (!result.ok) return result
    return { ...result, data: { items: result.data, next: findNextCursor(result.response) } }
  }

  getCluster(id: number): Promise<Result<Cluster>> {
    return this.#transport.settle(this.#transport.api.GET('/clusters/{id}', { params: { path: { id } } }))
  }

  /**
   * The cluster when it has the status, or when it never can any more; the result says which. Lost connections are
   * tried again. Rejects when the signal aborts.
   */
  async waitFor(
    id: number,
    status: ClusterStatus,
    options: { signal?: AbortSignal; onProblem?: (problem: Problem) => void } = {},
  ): Promise<Result<Cluster>> {
    const { signal, onProblem } = options
    for (;;) {
      const query = { wait_for: status, timeout: LONGEST_WAIT_SECONDS }
      const result = await this.#transport.settle(
        this.#transport.api.GET('/clusters/{id}', {
          params: { path: { id }, query },
          ...(signal === undefined ? {} : { signal }),
        }),
      )
      if (result.ok) {
        if (result.data.status === status || !canBecome(result.data.status, status)) return result
      } else {
        if (result.problem.status !== 0 && result.problem.status < 500) return result
        onProblem?.(result.problem)
        await pause(RETRY_MS, signal)
        signal?.throwIfAborted()
      }
    }
  }

  updateCluster(id: number, changes: ClusterChanges): Promise<Result<Cluster>> {
    const params = { path: { id } }
    return this.#transport.settle(this.#transport.api.PATCH('/clusters/{id}', { params, body: changes }))
  }

  stopCluster(id: number): Promise<Result<Cluster>> {
    return this.#transport.settle(
      this.#transport.api.POST('/clusters/{id}/stop', { params: { path: { id } } }),
    )
  }

  /** `undefined`: it is forgotten already. Else it is forgotten when it has ended. */
  deleteCluster(id: number): Promise<Result<Cluster | undefined>> {
    return this.#transport.settle(this.#transport.api.DELETE('/clusters/{id}', { params: { path: { id } } }))
  }

  listWorkers(id: number): Promise<Result<Worker[]>> {
    return this.#transport.settle(
      this.#transport.api.GET('/clusters/{id}/workers', { params: { path: { id } } }),
    )
  }

  /** The cluster's own certificate and its key, in PEM: what lets its creator connect. */
  getCredentials(id: number): Promise<Result<string>> {
    return this.#transport.settle(
      this.#transport.api.GET('/clusters/{id}/credentials', { params: { path: { id } }, parseAs: 'text' }),
    )
  }

  /** What a worker prints, as it comes. */
  async openLogs(id: number, options: LogsOptions = {}): Promise<Result<AsyncGenerator<string>>> {
    const { signal, ...query } = options
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value))
    const path = `/clusters/${id}/logs?${parameters.toString()}`
    const opened = await this.#transport.open(path, { signal })
    return opened.ok ? { ...opened, data: readText(opened.data) } : opened
  }

  /** Those that have happened, the newest first; of one cluster, or of all. */
  async listEvents(
    query: { cluster?: number; limit?: number; cursor?: string } = {},
  ): Promise<Result<Page<Event>>> {
    const { cluster: id, ...page } = query
    const { api } = this.#transport
    const result = await (id === undefined
      ? this.#transport.settle(api.GET('/events', { params: { query: page } }))
      : this.#transport.settle(api.GET('/clusters/{id}/events', { params: { path: { id }, query: page } })))
    if (!result.ok) return result
    // As a stream it would be a text.
    const items = Array.isArray(result.data) ? result.data : []
    return { ...result, data: { items, next: findNextCursor(result.response) } }
  }

  /** As they happen; see {@link followEvents}. */
  followEvents(options: FollowOptions = {}): AsyncGenerator<Event> {
    return followEvents(this.#transport, options)
  }

  getClusterUsage(id: number): Promise<Result<ClusterUsage>> {
    return this.#transport.settle(
      this.#transport.api.GET('/clusters/{id}/usage', { params: { path: { id } } }),
    )
  }

  /** `month` such as `2026-11`, in UTC; this one without it. */
  getUsage(month?: string): Promise<Result<MonthUsage>> {
    const query = month === undefined ? {} : { month }
    return this.#transport.settle(this.#transport.api.GET('/usage', { params: { query } }))
  }

  async listTokens(query: { limit?: number; cursor?: string } = {}): Promise<Result<Page<Token>>> {
    const result = await this.#transport.settle(this.#transport.api.GET('/tokens', { params: { query } }))
    if (!result.ok) return result
    return { ...result, data: { items: result.data, next: findNextCursor(result.response) } }
  }

  /** Its value is in the result, and shown never again. */
  createToken(name: string, expiresAt: string | null = null): Promise<Result<IssuedToken>> {
    const body = { name, expires_at: expiresAt }
    return this.#transport.settle(this.#transport.api.POST('/tokens', { body }))
  }

  deleteToken(id: number): Promise<Result<unknown>> {
    return this.#transport.settle(this.#transport.api.DELETE('/tokens/{id}', { params: { path: { id } } }))
  }

  /** Whether the server and its database answer. */
  getReadiness(): Promise<Result<unknown>> {
    return this.#transport.settle(this.#transport.api.GET('/readyz'))
  }

  async #withCsrf<Data>(
    call: (headers: Record<string, string>) => Promise<{ data?: Data; error?: unknown; response: Response }>,
  ): Promise<Result<Data>> {
    let value: string | undefined
    try {
      value = await this.#transport.getCsrfValue()
    } catch (error) {
      if (isAbort(error)) throw error
      return { ok: false, problem: unreachable(this.url, error) }
    }
    // A browser sends its own cookie and drops this one; Node has none.
    const headers = value === undefined ? {} : { 'x-csrf-token': value, cookie: `csrftoken=${value}` }
    return await this.#transport.settle(call(headers))
  }
}

export function createClient(options: ClientOptions): Client {
  return new Client(options)
}

/** From the header `Link`. */
export function findNextCursor(response: Response): string | undefined {
  const [, query] = /<[^?>]*\?([^>]*)>; rel="next"/.exec(response.headers.get('link') ?? '') ?? []
  return new URLSearchParams(query).get('cursor') ?? undefined
}

const ORDER: readonly ClusterStatus[] = ['pending', 'starting', 'running', 'stopping']

/** A status never goes back, and an end is for ever. */
function canBecome(now: ClusterStatus, wanted: ClusterStatus): boolean {
  if (now === 'stopped' || now === 'failed') return false
  return wanted === 'stopped' || wanted === 'failed' || ORDER.indexOf(wanted) > ORDER.indexOf(now)
}
