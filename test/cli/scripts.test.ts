/** The command against a real server and real workers, as scripts: see test/support/command-script.ts. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runScript, scriptsFolder } from '../support/command-script.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const scripts = readdirSync(scriptsFolder())
const isLinux = process.platform === 'linux'

let server: TestServer

beforeAll(async () => {
  server = await startServer({
    settings: { CLUSTERS_ENGINE: 'local', CLUSTERS_LOCAL_GRACE_SECONDS: '1', CLUSTERS_PRICE_CORE_HOUR: '2' },
  })
})
afterAll(() => server.stop())

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(5)
})

test.skipIf(!isLinux).each(scripts)('%s', async script => {
  const [alice, betty, admin] = [
    await server.user(),
    await server.user(),
    await server.user({ isAdministrator: true }),
  ]
  const users = { alice: alice.token ?? '', betty: betty.token ?? '', admin: admin.token ?? '' }
  await runScript(join(scriptsFolder(), script), { url: server.url, users })
})
