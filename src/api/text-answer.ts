import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

interface Chunks {
  next(): Promise<IteratorResult<Uint8Array, void>>
  return(): Promise<unknown>
}

/** Takes the first chunk at once, so that what cannot be read at all is a problem and not an answer that breaks off. */
export async function begin(chunks: AsyncGenerator<Uint8Array, void, undefined>): Promise<Chunks> {
  const first = await chunks.next()
  let isFirst = true
  return {
    next: () => {
      if (!isFirst) return chunks.next()
      isFirst = false
      return Promise.resolve(first)
    },
    return: () => chunks.return(),
  }
}

/** Answers with plain text as it comes, and makes no more of it than is read; to HEAD with the headers alone. */
export async function sendText(
  reply: FastifyReply,
  chunks: AsyncGenerator<Uint8Array, void, undefined> | Chunks,
): Promise<FastifyReply> {
  void reply.headers({ 'content-type': 'text/plain; charset=utf-8', 'x-accel-buffering': 'no' })
  const { raw, request } = reply
  if (request.method === 'HEAD') {
    await chunks.return()
    return reply.send('')
  }
  const iterator = {
    next: () => {
      // Whoever follows may get nothing for long, and wants to know that it has begun.
      if (!raw.headersSent) raw.flushHeaders()
      return chunks.next()
    },
    return: async () => {
      await chunks.return()
      return { done: true as const, value: undefined }
    },
  }
  const body = { [Symbol.asyncIterator]: () => iterator }
  return reply.send(Readable.from(body, { objectMode: false }))
}
