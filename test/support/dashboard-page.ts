import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { SqliteConnection } from '../../src/database/sqlite.ts'
import { startBrowser, watchPage } from './browser.ts'
import type { Caller } from './caller.ts'
import { createFolder, logInAs, runCommand, spawnServer, type SpawnedServer } from './spawn.ts'

interface OpenedDashboard {
  readonly context: BrowserContext
  readonly page: Page
  /** What the page did that it must not. Before a login it learns by a 401 that there is none. */
  readonly faults: () => string[]
}

/** What ends by itself when a page goes: its streams, and what it had just asked for. */
const ABORTED = /^failed: .*\/(events|logs\?.*|clusters.*|users\/me|usage.*|runtimes|tokens.*|admin\/.*)$/

async function openDashboard(
  browser: Browser,
  url: string,
  options: { colorScheme?: 'light' | 'dark'; width?: number; path?: string } = {},
): Promise<OpenedDashboard> {
  const { colorScheme = 'light', width = 1280, path = '/' } = options
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 } })
  const { page, faults } = await watchPage(context, url)
  await page.goto(url + path)
  const isExpected = (fault: string) =>
    fault.startsWith('401: ') || /status of 401/.test(fault) || ABORTED.test(fault)
  return { context, page, faults: () => faults.filter(fault => !isExpected(fault)) }
}

export async function logInOnPage(page: Page, username: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong, a line for each; the page's own policy stays as it is. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(node => id + ': ' + node.html.slice(0, 150) + ' ' + (node.any[0]?.message ?? ''))))`)
}

/** Waits for it to be shown. */
export async function expectText(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor()
}

/** Of the sample users, and of those whom a test adds. */
export const PASSWORDS = {
  alice: 'hunter2',
  betty: 'hunter2',
  carol: 'correct horse battery',
  dave: 'correct horse battery',
} as const
type Name = keyof typeof PASSWORDS

/** A real server with workers, its sample users and the administrator carol, and a browser. */
export class Site {
  readonly alice: Caller
  readonly betty: Caller
  readonly #browser: Browser
  readonly #settings: Readonly<Record<string, string>>
  #server: SpawnedServer

  private constructor(
    parts: { browser: Browser; settings: Record<string, string>; server: SpawnedServer },
    users: { alice: Caller; betty: Caller },
  ) {
    this.#browser = parts.browser
    this.#settings = parts.settings
    this.#server = parts.server
    this.alice = users.alice
    this.betty = users.betty
  }

  /** `changes`: of the server's settings. */
  static async start(changes: Readonly<Record<string, string>> = {}): Promise<Site> {
    const browser = await startBrowser()
    const settings = {
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_ENGINE: 'local',
      CLUSTERS_LOCAL_GRACE_SECONDS: '1',
      // The same after a restart.
      CLUSTERS_PORT: String(await findFreePort()),
      CLUSTERS_PRICE_CORE_HOUR: '0.05',
      ...changes,
    }
    const server = await spawnServer(settings, { sampleUsers: true })
    await runCommand(['user', 'add', 'carol', '--admin'], settings, `${PASSWORDS.carol}\n`)
    const [alice, betty] = await Promise.all([
      logInAs(server.url, 'alice', PASSWORDS.alice),
      logInAs(server.url, 'betty', PASSWORDS.betty),
    ])
    return new Site({ browser, settings, server }, { alice, betty })
  }

  get url(): string {
    return this.#server.url
  }

  async addUser(name: Name): Promise<Caller> {
    await runCommand(['user', 'add', name], this.#settings, `${PASSWORDS[name]}\n`)
    return await logInAs(this.url, name, PASSWORDS[name])
  }

  openLogin(options: Parameters<typeof openDashboard>[2] = {}): Promise<OpenedDashboard> {
    return openDashboard(this.#browser, this.url, options)
  }

  /** As a user who has logged in on the page. */
  async open(name: Name, options: Parameters<typeof openDashboard>[2] = {}): Promise<OpenedDashboard> {
    const opened = await this.openLogin(options)
    await logInOnPage(opened.page, name, PASSWORDS[name])
    await opened.page.getByRole('banner').waitFor()
    return opened
  }

  /** What a cluster used, a minute apart, the last one now: a test cannot wait for that. */
  keepSamples(clusterId: number, samples: readonly { cpus: number; memoryBytes: number }[]): void {
    const connection = new SqliteConnection(join(this.#settings['CLUSTERS_DATA_DIR'] ?? '', 'clusters.db'))
    for (const [index, { cpus, memoryBytes }] of samples.entries()) {
      const at = new Date(Date.now() - (samples.length - 1 - index) * 60_000).toISOString()
      connection.execute('insert into samples values (?, ?, 1, ?, ?)', [clusterId, at, cpus, memoryBytes])
    }
    connection.close()
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  async restart(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#server.stop()
    this.#server = await spawnServer({ ...this.#settings, ...changes })
  }

  /** With all that runs. */
  async end(): Promise<void> {
    await this.#browser.close()
    for (const caller of [this.alice, this.betty]) {
      const { body } = await caller.get('/clusters')
      await Promise.all((body as { id: number }[]).map(({ id }) => caller.delete(`/clusters/${id}`)))
      await Promise.all(
        (body as { id: number }[]).map(({ id }) => caller.get(`/clusters/${id}?wait_for=stopped&timeout=10`)),
      )
    }
    await this.#server.stop()
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  return port
}
