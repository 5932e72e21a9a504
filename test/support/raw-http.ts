import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/**
 * Sends bytes that no HTTP client would, and reads until the server closes or says nothing for `quietMs`.
 * What the server sent, as it is.
 */
export function sendBytes(url: string, bytes: string | Buffer, quietMs = 1000): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', chunk => chunks.push(chunk))
    // A server may well cut off who talks nonsense; what it had said before counts.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
  })
}

/** The first answer in what came over a socket; `undefined` when the server said nothing. */
export function parseAnswer(text: string): RawAnswer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return { status: Number(statusLine.split(' ')[1]), headers, text: text.slice(end + 4) }
}
