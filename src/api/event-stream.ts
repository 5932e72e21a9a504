import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { InvalidRequest } from '../domain/errors.ts'
import { parseId } from './paging.ts'

/** Server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them. */

const EVENT_STREAM_TYPE = 'text/event-stream'
const JSON_TYPES = ['application/json', 'application/*', '*/*']

/** A comment: it says that the stream is there. */
const HEARTBEAT = ': \n\n'
/** So many bytes may wait for a reader; more are not made. */
const MAX_WAITING_BYTES = 16 * 1024

/** Whether the client would rather have a stream than JSON. */
export function prefersStream(accept: string | undefined): boolean {
  if (accept?.toLowerCase().includes(EVENT_STREAM_TYPE) !== true) return false
  const qualities = parseAccept(accept)
  const stream = qualities.get(EVENT_STREAM_TYPE) ?? 0
  const json = JSON_TYPES.map(type => qualities.get(type)).find(quality => quality !== undefined) ?? 0
  return stream > 0 && stream >= json
}

/** Quality by media type; see RFC 9110, 12.5.1. */
function parseAccept(accept: string): Map<string, number> {
  const ranges = accept
    .toLowerCase()
    .split(',')
    .map((range): [string, number] => {
      const [type = '', ...parameters] = range.split(';').map(part => part.trim())
      const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
      return [type, quality === undefined ? 1 : Number(quality) || 0]
    })
  return new Map(ranges)
}

/** The number in the header `Last-Event-ID`; `undefined` without one. Throws for what is no number of an event. */
export function readLastEventId(request: FastifyRequest): number | undefined {
  const given = request.headers['last-event-id']
  // An EventSource that has had no event yet may send it empty.
  if (given === undefined || given === '') return undefined
  if (given === '0') return 0
  const id = typeof given === 'string' ? parseId(given) : undefined
  if (id === undefined) {
    throw new InvalidRequest({ 'Last-Event-ID': ['must be the number of an event, or 0 for all of them'] })
  }
  return id
}

interface StreamedEvent {
  readonly id: number
  /** In one line. */
  readonly json: string
}

type Batches = AsyncIterable<readonly StreamedEvent[]>

/** Answers with a stream; to HEAD with its headers alone. */
export function sendEventStream(reply: FastifyReply, batches: Batches): FastifyReply {
  void reply.headers({
    'content-type': `${EVENT_STREAM_TYPE}; charset=utf-8`,
    'cache-control': 'no-store',
    // nginx would keep events until it has a page of them.
    'x-accel-buffering': 'no',
  })
  if (reply.request.method === 'HEAD') return reply.send('')
  return reply.send(Readable.from(format(batches), { objectMode: false, highWaterMark: MAX_WAITING_BYTES }))
}

async function* format(batches: Batches): AsyncGenerator<string> {
  // At once, so that the client knows that it is connected.
  yield HEARTBEAT
  for await (const events of batches) {
    yield events.length === 0 ? HEARTBEAT : events.map(formatEvent).join('')
  }
}

function formatEvent({ id, json }: StreamedEvent): string {
  return `id: ${id}\nevent: cluster\ndata: ${json}\n\n`
}
