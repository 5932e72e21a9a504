import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { expectDocumented } from './documented.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Parsed, when it says that it is JSON. */
  readonly body: unknown
}

export interface Cluster {
  readonly id: number
  readonly creator: number
  readonly cpus: number
  readonly memory: number
  readonly name: string
  readonly status: string
  readonly [field: string]: unknown
}

interface CallOptions {
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Buffer
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/**
 * Somebody who calls a server over real HTTP. Every answer is held against the OpenAPI document: its status,
 * its media type and its schema.
 */
export class Caller {
  readonly url: string
  readonly token: string | undefined
  readonly id: number
  readonly username: string

  constructor(options: { url: string; token?: string; id?: number; username?: string }) {
    this.url = options.url
    this.token = options.token
    this.id = options.id ?? 0
    this.username = options.username ?? 'nobody'
  }

  get(path: string, options: CallOptions = {}): Promise<Answer> {
    return this.call('GET', path, options)
  }

  post(path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    return this.call('POST', path, { ...(body === undefined ? {} : { body }), ...options })
  }

  patch(path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    return this.call('PATCH', path, { ...(body === undefined ? {} : { body }), ...options })
  }

  delete(path: string, options: CallOptions = {}): Promise<Answer> {
    return this.call('DELETE', path, options)
  }

  /** With the smallest request that is allowed, and what else is given. Fails unless it is created. */
  async createCluster(fields: Record<string, unknown> = {}): Promise<Cluster> {
    const answer = await this.post('/clusters', { creator: this.id, cpus: 1, memory: 1, ...fields })
    if (answer.status !== 201) throw new Error(`not created: ${answer.text}`)
    return answer.body as Cluster
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.#send(method, path, options)
    expectDocumented(method, path, answer)
    return answer
  }

  #send(method: string, path: string, { body, raw, headers = {} }: CallOptions): Promise<Answer> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    // Without a length, Node sends the body in chunks.
    const isChunked = headers['transfer-encoding'] !== undefined
    const length = payload === undefined || isChunked ? undefined : String(Buffer.byteLength(payload))
    const own: OutgoingHttpHeaders = {
      ...(this.token === undefined ? {} : { authorization: `Token ${this.token}` }),
      ...(length === undefined ? {} : { 'content-length': length }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    }
    return new Promise((resolve, reject) => {
      const request = httpRequest(new URL(path, this.url), { method, headers: own }, response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== ''
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: isJson ? (JSON.parse(text) as unknown) : undefined,
          })
        })
      })
      request.on('error', reject)
      request.end(payload)
    })
  }
}
