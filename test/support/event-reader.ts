import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect } from 'vitest'
import type { Caller } from './caller.ts'
import { findOperation } from './documented.ts'

export interface ClusterEvent {
  readonly id: number
  readonly cluster: number
  readonly at: string
  readonly status: string
  readonly reason: string
  readonly message: string | null
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)

/** An event of a stream is what the document says of one in the list. */
function expectEvent(path: string, event: unknown): asserts event is ClusterEvent {
  const list = findOperation('GET', path)?.responses['200']?.content?.['application/json']?.schema
  const [item] = list !== undefined && 'items' in list ? [list.items as object] : []
  expect(item).toBeDefined()
  if (item !== undefined) expect(ajv.validate(item, event) ? [] : ajv.errors).toEqual([])
}

function parseBlock(path: string, block: string): ClusterEvent {
  const [id = '', name, data = '', ...more] = block.split('\n')
  expect(more).toEqual([])
  expect(name).toBe('event: cluster')
  const event: unknown = JSON.parse(data.replace(/^data: /, ''))
  expectEvent(path, event)
  expect(id).toBe(`id: ${event.id}`)
  return event
}

/** Reads a stream of server-sent events over real HTTP, line by line as the standard says. */
export class EventReader {
  readonly events: ClusterEvent[] = []
  /** How many comments came. */
  heartbeats = 0
  /** Whether the server ended the stream as it should, and did not cut it. */
  hasEnded = false
  /** Nothing comes any more, for whatever reason. */
  readonly closed: Promise<void>
  readonly #path: string
  readonly #request: ClientRequest
  readonly #response: IncomingMessage
  #rest = ''
  #wake: () => void = () => undefined

  private constructor(path: string, request: ClientRequest, response: IncomingMessage) {
    this.#path = path
    this.#request = request
    this.#response = response
    response.setEncoding('utf8').on('data', (text: string) => {
      this.#read(text)
    })
    response.on('end', () => (this.hasEnded = true))
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    this.closed = new Promise(resolve => {
      response.on('close', () => {
        this.#wake()
        resolve()
      })
    })
  }

  get status(): number {
    return this.#response.statusCode ?? 0
  }

  get headers(): IncomingMessage['headers'] {
    return this.#response.headers
  }

  get lastId(): number {
    return this.events.at(-1)?.id ?? 0
  }

  /** Resolves with the headers of the answer. */
  static open(caller: Caller, path: string, lastEventId?: number | string): Promise<EventReader> {
    const headers = {
      authorization: `Token ${caller.token ?? ''}`,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    }
    return new Promise((resolve, reject) => {
      const request = httpRequest(new URL(path, caller.url), { headers, agent: false }, response => {
        resolve(new EventReader(path, request, response))
      })
      request.on('error', reject)
      request.end()
    })
  }

  /** Resolves when `isDone`, or when nothing can come any more. */
  async until(isDone: (events: readonly ClusterEvent[]) => boolean): Promise<readonly ClusterEvent[]> {
    while (!isDone(this.events) && !this.#response.destroyed) {
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.events
  }

  count(events: number): Promise<readonly ClusterEvent[]> {
    return this.until(({ length }) => length >= events)
  }

  /** As a cable that is pulled out: the server hears nothing of it but the end. */
  cut(): void {
    this.#request.destroy()
  }

  /** Reads nothing more from its socket. */
  pause(): void {
    this.#response.pause()
    this.#response.socket.pause()
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) {
      if (block.startsWith(':')) this.heartbeats += 1
      else this.events.push(parseBlock(this.#path, block))
    }
    this.#wake()
  }
}
