import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Caller } from './caller.ts'

/** Reads an answer of plain text while it comes. */
export class OutputReader {
  text = ''
  /** Whether the server ended it as it should, and did not cut it. */
  hasEnded = false
  /** Nothing comes any more, for whatever reason. */
  readonly closed: Promise<void>
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly #request: ClientRequest

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request
    this.status = response.statusCode ?? 0
    this.headers = response.headers
    response.setEncoding('latin1').on('data', (text: string) => (this.text += text))
    response.on('end', () => (this.hasEnded = true))
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    this.closed = new Promise(resolve => response.on('close', resolve))
  }

  /** Resolves with the headers of the answer. */
  static open(caller: Caller, path: string): Promise<OutputReader> {
    const headers = { authorization: `Token ${caller.token ?? ''}` }
    return new Promise((resolve, reject) => {
      const request = httpRequest(new URL(path, caller.url), { headers, agent: false }, response => {
        resolve(new OutputReader(request, response))
      })
      request.on('error', reject)
      request.end()
    })
  }

  cut(): void {
    this.#request.destroy()
  }
}
