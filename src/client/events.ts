import type { components } from './schema.ts'
import { ProblemError, type Problem } from './result.ts'
import type { Transport } from './transport.ts'

export type Event = components['schemas']['Event']

export interface FollowOptions {
  /** Of one cluster; of all of yours without it. */
  readonly cluster?: number
  /** Begins after this event: 0 with the first there is. Without it, with what happens from now on. */
  readonly after?: number
  readonly signal?: AbortSignal
  /** The connection was lost, and is tried again; `undefined`: it stands. */
  readonly onConnection?: (problem: Problem | undefined) => void
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 10_000

/** Too many streams or requests: worth to try again, unlike what else is refused. */
const PASSING_STATUSES: readonly number[] = [0, 408, 429]

/**
 * Events as they happen, none left out and none twice: a connection that breaks is made again after the last one that
 * came. Ends when the signal aborts; throws a `ProblemError` when the server refuses for good.
 */
export async function* followEvents(transport: Transport, options: FollowOptions): AsyncGenerator<Event> {
  const { cluster, signal, onConnection } = options
  const path = cluster === undefined ? '/events' : `/clusters/${cluster}/events`
  let after = options.after
  let failures = 0
  while (!isAborted(signal)) {
    try {
      const resume = after === undefined ? {} : { 'last-event-id': String(after) }
      const opened = await transport.open(path, {
        headers: { accept: 'text/event-stream', ...resume },
        signal,
      })
      if (!opened.ok) {
        if (isForGood(opened.problem)) throw new ProblemError(opened.problem)
        onConnection?.(opened.problem)
      } else {
        onConnection?.(undefined)
        for await (const { id, data } of readEvents(opened.data)) {
          failures = 0
          if (id !== undefined) after = id
          if (data !== undefined) yield data
        }
      }
    } catch (error) {
      if (error instanceof ProblemError) throw error
      // Else it broke off, and is made again.
      if (isAborted(signal)) return
    }
    // Many who lost a server at once must not come back at once.
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (0.5 + Math.random() / 2)
    failures += 1
    await pause(delay, signal)
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function isForGood({ status }: Problem): boolean {
  return status < 500 && !PASSING_STATUSES.includes(status)
}

interface Block {
  readonly id: number | undefined
  readonly data: Event | undefined
}

/** Of a text/event-stream, block by block; what breaks off within one is left out. */
async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<Block> {
  let rest = ''
  for await (const text of readText(stream)) {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) yield parseBlock(block)
  }
}

function parseBlock(block: string): Block {
  let id: number | undefined
  let data: Event | undefined
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) id = Number(line.slice(4))
    if (line.startsWith('data: ')) data = JSON.parse(line.slice(6)) as Event
  }
  return { id, data }
}

/** UTF-8 as it arrives. Stops reading when nobody wants more. */
export async function* readText(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      const text = decoder.decode(value, { stream: true })
      if (text !== '') yield text
    }
    const last = decoder.decode()
    if (last !== '') yield last
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Resolves early when the signal aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
