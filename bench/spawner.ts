import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The peer of a launch: `POST /start?count=N` spawns what an idle worker runs, in sessions of their own as ours are,
 * and answers when all have started; `POST /stop` ends them and answers when all have ended. It keeps no record, and
 * limits and watches nothing.
 */

let children: ChildProcess[] = []

async function start(count: number): Promise<void> {
  const started = Array.from({ length: count }, async () => {
    const child = spawn('sleep', ['infinity'], { detached: true, stdio: 'ignore' })
    children.push(child)
    await once(child, 'spawn')
  })
  await Promise.all(started)
}

async function stop(): Promise<void> {
  const ended = children.map(child => once(child, 'exit'))
  for (const child of children) child.kill('SIGTERM')
  children = []
  await Promise.all(ended)
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const work = pathname === '/start' ? start(Number(searchParams.get('count'))) : stop()
  work.then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`serves on http://127.0.0.1:${port} \n`)
})
process.once('SIGTERM', () => {
  void stop().then(() => process.exit())
})
