/** `npm run dev`: the server from its sources. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Caller } from '../support/caller.ts'
import { cleanEnvironment, createFolder } from '../support/spawn.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** As a terminal starts it: npm, tsx and the server are a process group of their own. */
function startDev() {
  const settings = {
    CLUSTERS_PORT: '0',
    CLUSTERS_DATA_DIR: createFolder(),
    // npm writes its own log there, and looks for news of itself.
    HOME: createFolder(),
    npm_config_update_notifier: 'false',
  }
  const child = spawn('npm', ['run', 'dev'], {
    cwd: ROOT,
    env: cleanEnvironment(settings),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  // It ends when the last process that could still say something has ended.
  const ended = once(child, 'close')
  const signalGroup = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  }
  onTestFinished(() => {
    try {
      signalGroup('SIGKILL')
    } catch {
      // It has ended, as it should.
    }
  })
  return { said: () => Buffer.concat(chunks).toString(), ended, signalGroup }
}

test(
  'npm run dev says that it serves, answers, and ends with its process group',
  { timeout: 90_000 },
  async () => {
    const dev = startDev()
    const ready =
      /^clusters serves on (http:\/\/127\.0\.0\.1:\d+); log in as alice or betty, password hunter2$/m
    await expect.poll(dev.said, { timeout: 60_000 }).toMatch(ready)
    const [, url = ''] = ready.exec(dev.said()) ?? []

    const anybody = new Caller({ url })
    expect(await anybody.get('/healthz')).toMatchObject({ status: 200 })
    expect((await anybody.get('/users/me')).status).toBe(401)

    dev.signalGroup('SIGTERM')
    await dev.ended
    await expect(anybody.get('/healthz')).rejects.toThrow('ECONNREFUSED')
  },
)
