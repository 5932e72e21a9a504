/** The command where the server, the token or the reader is not there. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { terminal, type } from '../support/pseudo-terminal.ts'
import { CLUSTERS_COMMAND, cleanEnvironment, collect, createFolder, runCommand } from '../support/spawn.ts'
import { startServer, TEST_PASSWORD, type TestServer } from '../support/start-server.ts'

let server: TestServer
let alice: Caller
let settings: { HOME: string; CLUSTERS_URL: string; CLUSTERS_TOKEN: string }

beforeAll(async () => {
  server = await startServer({ settings: { CLUSTERS_ENGINE: 'local' } })
  alice = await server.user()
  settings = { HOME: createFolder(), CLUSTERS_URL: server.url, CLUSTERS_TOKEN: alice.token ?? '' }
})
afterAll(() => server.stop())

/** Escape codes, which belong on a terminal alone. */
const ESCAPE = String.fromCodePoint(27)

test('a server that does not answer is 5, and says where to look', async () => {
  const away = { ...settings, CLUSTERS_URL: 'http://127.0.0.1:9' }
  const listed = await runCommand(['list'], away)
  expect(listed).toMatchObject({ code: 5, stdout: '' })
  expect(listed.stderr).toMatch(/^clusters: http:\/\/127\.0\.0\.1:9 does not answer: .*"clusters doctor"/)
  const examined = await runCommand(['doctor'], away)
  expect(examined.code).toBe(1)
  expect(examined.stdout).toMatch(/^wrong server: .* Start one here with "clusters serve"/)
})

test('a token that is not valid is 4', async () => {
  const ended = await runCommand(['list'], { ...settings, CLUSTERS_TOKEN: 'clu_wrong' })
  expect(ended).toMatchObject({ code: 4, stdout: '' })
  expect(ended.stderr).toContain('Log in with "clusters login".')
})

test('the kept token is for its owner and its server alone', async () => {
  const home = createFolder()
  const own = { HOME: home, CLUSTERS_URL: server.url }
  await runCommand(['login', '-u', alice.username], own, `${TEST_PASSWORD}\n`)
  const path = join(home, '.config', 'clusters', 'login.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(home, '.config', 'clusters')).mode & 0o777).toBe(0o700)
  // Without the variable it is the server of the login.
  expect((await runCommand(['whoami'], { HOME: home })).stdout).toContain(`on ${server.url}`)
  const elsewhere = await runCommand(['whoami'], { HOME: home, CLUSTERS_URL: 'http://127.0.0.1:9' })
  expect(elsewhere.code).toBe(4)
})

test('a kept token that is broken, or that others can read, is mended', async () => {
  const home = createFolder()
  const path = join(home, '.config', 'clusters', 'login.json')
  mkdirSync(join(home, '.config', 'clusters'), { recursive: true })
  writeFileSync(path, '{"url": ')
  chmodSync(path, 0o644)
  const broken = await runCommand(['list'], { HOME: home })
  expect(broken.code).toBe(4)
  expect(broken.stderr).toMatch(/Others could read your token.*\n.*is broken\. Log in again/)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const again = await runCommand(
    ['login', '-u', alice.username],
    { HOME: home, CLUSTERS_URL: server.url },
    `${TEST_PASSWORD}\n`,
  )
  expect(again.code).toBe(0)
  expect((await runCommand(['list'], { HOME: home })).code).toBe(0)
})

test('there are no escape codes in a pipe, and none with NO_COLOR', async () => {
  await alice.createCluster()
  const listed = await runCommand(['list'], settings)
  const failed = await runCommand(['show', '999999'], settings)
  expect(listed.stdout).toContain('ID  NAME')
  expect(`${listed.stdout}${listed.stderr}${failed.stderr}`).not.toContain(ESCAPE)
})

test('a reader that wants no more ends the command without a word', async () => {
  const command = `'${process.execPath}' '${CLUSTERS_COMMAND}' list --all --json | head -1; echo "status \${PIPESTATUS[0]}"`
  for (let count = 0; count < 40; count++) await alice.createCluster({ cpus: 0.1, memory: 0.1 })
  const ended = await collect(spawn('bash', ['-c', command], { env: cleanEnvironment(settings) }))
  expect(ended).toMatchObject({ stdout: '[\nstatus 0\n', stderr: '' })
})

test('Ctrl-C while it waits leaves the cluster, and says how to go on', async () => {
  const child = spawn(process.execPath, [CLUSTERS_COMMAND, 'create', '--wait', '--', 'sleep', '1000'], {
    env: cleanEnvironment({ ...settings, CLUSTERS_URL: server.url }),
  })
  const ended = collect(child)
  let stderr = ''
  await new Promise<void>(resolve => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      if (/^\d+ (pending|starting|running)/m.test(stderr)) resolve()
    })
  })
  child.kill('SIGINT')
  const { code, stderr: said } = await ended
  // It may just have come up: then there is nothing to wait for.
  if (code === 0) return
  expect(code).toBe(130)
  expect(said).toMatch(/The cluster \d+ goes on\. Stop it with "clusters stop \d+"; "clusters watch \d+"/)
})

test.skipIf(terminal === undefined)(
  'on a terminal it asks, shows colours, and one line that changes',
  async () => {
    const home = createFolder()
    const own = { HOME: home, CLUSTERS_URL: server.url, TERM: 'xterm' }
    const login = await type(['login'], own, [
      ['User name on', `${alice.username}\n`],
      ['Password of', `${TEST_PASSWORD}\n`],
    ])
    expect(login.code).toBe(0)
    expect(login.shown).toContain('You are logged in as')
    expect(login.shown).not.toContain(TEST_PASSWORD)
    const created = await type(['create', '--wait', '-n', 'shown'], own, [])
    expect(created.code).toBe(0)
    // To the beginning of the line, and nothing left of what stood there.
    expect(created.shown).toContain(`\r${ESCAPE}[K`)
    const listed = await type(['list'], own, [])
    expect(listed.shown).toContain(`${ESCAPE}[32mrunning${ESCAPE}[39m`)
    const plain = await type(['list'], { ...own, NO_COLOR: '1' }, [])
    expect(plain.shown).toContain('running')
    expect(plain.shown).not.toContain(ESCAPE)
    expect(readFileSync(join(home, '.config', 'clusters', 'login.json'), 'utf8')).toContain(server.url)
  },
)
