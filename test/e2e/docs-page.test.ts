import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { findBrowserNeeds, startBrowser, watchPage } from '../support/browser.ts'
import { openApi } from '../support/documented.ts'
import { createFolder, spawnServer, type SpawnedServer } from '../support/spawn.ts'

const { isSkipped, needs } = await findBrowserNeeds()

let server: SpawnedServer
let browser: Browser | undefined

beforeAll(async () => {
  if (isSkipped) return
  browser = await startBrowser()
  server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() })
})
afterAll(async () => {
  await browser?.close()
})

async function open(path: string) {
  if (browser === undefined) throw new Error('there is no browser')
  const context = await browser.newContext()
  const watched = await watchPage(context, server.url)
  const response = await watched.page.goto(server.url + path, { waitUntil: 'networkidle' })
  return { ...watched, context, status: response?.status() }
}

/** As the page shows an operation: GET /clusters/{id}. */
const OPERATIONS = Object.entries(openApi.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
)

test.skipIf(isSkipped)(
  `/docs shows every operation, under its policy and from this server alone${needs}`,
  async () => {
    const { page, faults, requests, context, status } = await open('/docs')
    expect(status).toBe(200)
    await page.locator('.opblock').first().waitFor()
    const [methods, paths] = await Promise.all(
      ['.opblock-summary-method', '.opblock-summary-path'].map(part => page.locator(part).allTextContents()),
    )
    // The page puts invisible spaces into a path, for it to break there.
    const shown =
      methods?.map((method, index) => `${method} ${paths?.[index]?.replaceAll('\u200b', '')}`) ?? []
    expect(shown.toSorted()).toEqual(OPERATIONS.toSorted())
    expect(await page.locator('.errors-wrapper').count(), 'no error of the renderer').toBe(0)

    // Looking closer loads nothing from elsewhere either.
    await page.locator('.opblock-summary', { hasText: '/clusters' }).first().click()
    await page.locator('.opblock-body').first().waitFor()
    expect(faults).toEqual([])
    expect(requests.length).toBeGreaterThan(3)
    await context.close()
  },
)

test.skipIf(isSkipped)(`the page of a problem says what happened and how to mend it${needs}`, async () => {
  const { page, faults, context, status } = await open('/problems/quota-exceeded')
  expect(status).toBe(200)
  expect(await page.locator('h1').innerText()).toMatch(/quota/i)
  expect(await page.locator('h2').allInnerTexts()).toEqual(['What happened', 'How to mend it'])
  await page.getByRole('link', { name: 'All operations' }).click()
  await page.locator('.opblock').first().waitFor()
  expect(faults).toEqual([])
  await context.close()
})

test.skipIf(isSkipped)(
  `the watch sees what it is to see: a page that breaks its policy has faults${needs}`,
  async () => {
    const { page, faults, context } = await open('/problems/quota-exceeded')
    await page.evaluate(
      `document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:1/pixel.png' }))`,
    )
    await expect.poll(() => faults.some(fault => fault.startsWith('policy: img-src'))).toBe(true)
    await context.close()
  },
)
