/** The peer: a bare node:http server that answers a constant JSON of a given size. */
import { createServer } from 'node:http'

const size = Number(process.argv[2])
const wrapping = JSON.stringify({ text: '' }).length
const body = JSON.stringify({ text: 'x'.repeat(Math.max(0, size - wrapping)) })
const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, headers).end(body)
    return
  }
  request.resume().on('end', () => {
    response.writeHead(201, headers).end(body)
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.stdout.write(`bare serves on http://127.0.0.1:${port}\n`)
})
