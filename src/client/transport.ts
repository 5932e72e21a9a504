import createFetchClient, { type Client as FetchClient } from 'openapi-fetch'
import type { paths } from './schema.ts'
import { readProblem, toProblem, unreachable, type Result } from './result.ts'

/** How requests say who sends them. */
export type Credentials =
  /** A token; a function is asked for each request. */
  | { readonly token: string | (() => string | undefined); readonly session?: never }
  /** In a browser: the cookie of a session. */
  | { readonly session: true; readonly token?: never }
  | { readonly session?: never; readonly token?: never }

export type Fetch = (request: Request) => Promise<Response>

/** Sends requests, with what each needs to be answered. */
export class Transport {
  readonly url: string
  /** All operations of the API, typed. */
  readonly api: FetchClient<paths>
  readonly #credentials: Credentials
  readonly #fetch: Fetch
  #csrf: Promise<string | undefined> | undefined

  constructor(url: string, credentials: Credentials, ownFetch: Fetch) {
    this.url = url.replace(/\/+$/, '')
    this.#credentials = credentials
    this.#fetch = ownFetch
    this.api = createFetchClient<paths>({
      baseUrl: this.url,
      fetch: request => this.fetch(request),
    })
  }

  /** Rejects as `fetch` does when the server cannot be reached. */
  async fetch(request: Request): Promise<Response> {
    const { headers } = request
    const token = this.#findToken()
    if (token !== undefined) headers.set('authorization', `Token ${token}`)
    else if (this.#credentials.session === true && !['GET', 'HEAD'].includes(request.method)) {
      const value = await this.getCsrfValue()
      if (value !== undefined) headers.set('x-csrf-token', value)
    }
    return await this.#fetch(request)
  }

  /** The value that a login needs, and whatever a session changes. Asked for once. */
  async getCsrfValue(): Promise<string | undefined> {
    this.#csrf ??= this.#fetch(new Request(`${this.url}/token/login`)).then(readCsrfValue)
    try {
      const value = await this.#csrf
      if (value === undefined) this.#csrf = undefined
      return value
    } catch (error) {
      this.#csrf = undefined
      throw error
    }
  }

  /** After a refusal: the cookie may have gone. */
  forgetCsrfValue(): void {
    this.#csrf = undefined
  }

  /** A request of `api` as a result. */
  async settle<Data>(
    call: Promise<{ data?: Data; error?: unknown; response: Response }>,
  ): Promise<Result<Data>> {
    try {
      const { data, error, response } = await call
      if (response.ok) return { ok: true, data: data as Data, response }
      const problem = toProblem(error, response)
      if (problem.type === '/problems/csrf-failed') this.forgetCsrfValue()
      return { ok: false, problem }
    } catch (error) {
      if (isAbort(error)) throw error
      return { ok: false, problem: unreachable(this.url, error) }
    }
  }

  /** A GET whose answer goes on; the body is the caller's to read. */
  async open(
    path: string,
    options: { headers?: Record<string, string>; signal?: AbortSignal | undefined },
  ): Promise<Result<ReadableStream<Uint8Array>>> {
    try {
      const { headers = {}, signal = null } = options
      const response = await this.fetch(new Request(this.url + path, { headers, signal }))
      if (!response.ok) return { ok: false, problem: await readProblem(response) }
      return { ok: true, data: response.body ?? new ReadableStream(), response }
    } catch (error) {
      if (isAbort(error)) throw error
      return { ok: false, problem: unreachable(this.url, error) }
    }
  }

  #findToken(): string | undefined {
    const { token } = this.#credentials
    return typeof token === 'function' ? token() : token
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}

async function readCsrfValue(response: Response): Promise<string | undefined> {
  if (!response.ok) return undefined
  const body: unknown = await response.json()
  const value: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, 'csrf_token') : undefined
  return typeof value === 'string' ? value : undefined
}
