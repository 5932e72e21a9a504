/** The dashboard in a real browser, on a real server with real workers. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findBrowserNeeds } from '../support/browser.ts'
import { expectText, logInOnPage, PASSWORDS, Site } from '../support/dashboard-page.ts'

const { isSkipped: hasNoBrowser, needs } = await findBrowserNeeds()
const isSkipped = hasNoBrowser || process.platform !== 'linux'

let site: Site

beforeAll(async () => {
  if (!isSkipped) site = await Site.start()
})
afterAll(() => site?.end())

describe.skipIf(isSkipped)(`the dashboard${needs}`, () => {
  test('/ leads there, a wrong password is refused, and the right one lets in', async () => {
    const { page, faults, context } = await site.openLogin()
    expect(page.url()).toBe(`${site.url}/dashboard/`)
    await logInOnPage(page, 'alice', 'wrong')
    await expectText(page, 'The user name or the password is wrong.')
    await logInOnPage(page, 'alice', PASSWORDS.alice)
    await page.getByRole('heading', { name: 'Clusters', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('User name').waitFor()
    // Nothing of alice is left to the next one.
    await logInOnPage(page, 'betty', PASSWORDS.betty)
    await expectText(page, 'betty')
    expect(faults().filter(fault => !/status of 400|^400: .*\/session$/.test(fault))).toEqual([])
    await context.close()
  })

  test('a cluster is created, runs, prints, and is stopped, without one reload', async () => {
    const { page, faults, context } = await site.open('alice')
    let loads = 0
    page.on('load', () => (loads += 1))
    await page.getByRole('link', { name: 'New cluster' }).click()
    await page.getByRole('radio', { name: /^command/ }).check()
    await page
      .getByRole('textbox', { name: 'Command' })
      .fill(`sh -c 'echo "from worker $CLUSTER_INDEX"; sleep 1000'`)
    await page.getByLabel('Name').fill('seen')
    await page.getByLabel('Workers').fill('2')
    await page.getByLabel('Memory').fill('0.5')
    await page.getByRole('button', { name: 'Create cluster' }).click()
    await page.getByRole('heading', { name: /^seen/ }).waitFor()
    await page.locator('.title .pill.running').waitFor()
    await expectText(page, 'from worker 0')
    await page.getByRole('button', { name: 'Logs of worker 1' }).click()
    await expectText(page, 'from worker 1')
    await page.getByRole('textbox', { name: 'Workers' }).fill('1')
    await page.getByRole('button', { name: 'Scale' }).click()
    await expectText(page, '1 × 1 CPU, 0.5 GiB')
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.getByRole('button', { name: 'Stop it' }).click()
    await page.locator('.title .pill.stopped').waitFor()
    await expectText(page, 'You stopped it.')
    expect(loads).toBe(0)
    expect(faults()).toEqual([])
    await context.close()
  })

  test('the list changes as somebody else uses the API', async () => {
    const { page, faults, context } = await site.open('alice')
    const { id } = await site.alice.createCluster({ name: 'from-elsewhere', memory: 0.2 })
    const row = page.getByRole('row', { name: /from-elsewhere/ })
    await row.locator('.pill.running').waitFor()
    await site.alice.delete(`/clusters/${id}`)
    await row.waitFor({ state: 'detached' })
    expect(faults()).toEqual([])
    await context.close()
  })

  test('why a cluster failed is told in words', async () => {
    const command = ['sh', '-c', 'echo no such table; exit 3']
    const { id } = await site.alice.createCluster({ name: 'fails', runtime: 'command', command, memory: 0.2 })
    const { page, context } = await site.open('alice')
    await page.goto(`${site.url}/dashboard/clusters/${id}`)
    await expectText(page, 'A worker ended.')
    await expectText(page, /exit code 3 .* no such table/)
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Delete it' }).click()
    await page.getByRole('heading', { name: 'Clusters', exact: true }).waitFor()
    expect((await site.alice.get(`/clusters/${id}`)).status).toBe(404)
    await context.close()
  })

  test('what the form would be refused, it says before; and the rest the server says', async () => {
    const { page, context } = await site.open('alice')
    await page.getByRole('link', { name: 'New cluster' }).click()
    await page.getByLabel('CPUs').fill('17')
    await page.getByLabel('Workers').fill('0')
    await page.getByRole('button', { name: 'Create cluster' }).click()
    await expectText(page, /CPUs must be more than 0 and at most \d+/)
    await expectText(page, 'Workers must be a whole number from 1 to 1000.')
    await context.close()
  })

  test('another user sees nothing of it', async () => {
    const { id } = await site.alice.createCluster({ name: 'private-one', memory: 0.2 })
    const { page, context } = await site.open('betty')
    await page.goto(`${site.url}/dashboard/clusters/${id}`)
    await expectText(page, 'There is no such cluster')
    expect(await page.content()).not.toContain('private-one')
    await page.goto(`${site.url}/dashboard/administration`)
    await expectText(page, 'There is nothing here')
    await site.alice.delete(`/clusters/${id}`)
    await context.close()
  })

  test('a session that ends leads to the login, and back to the same page', async () => {
    const { page, context } = await site.open('betty')
    await page.getByRole('link', { name: 'Usage' }).click()
    await page.getByRole('heading', { name: 'Usage' }).waitFor()
    const { body } = await site.betty.get('/tokens')
    for (const { id, name } of body as { id: number; name: string }[]) {
      if (name === 'dashboard') await site.betty.delete(`/tokens/${id}`)
    }
    await expectText(page, 'Your session is over. Log in again to go on.')
    await logInOnPage(page, 'betty', PASSWORDS.betty)
    await page.getByRole('heading', { name: 'Usage' }).waitFor()
    await context.close()
  })

  test('a server that is started again is found again by the open page', async () => {
    const { page, context } = await site.open('alice')
    await site.stop()
    await expectText(page, 'The server does not answer; what you see may be old. It is tried again.')
    await site.restart()
    await page.getByText('The server does not answer').waitFor({ state: 'detached' })
    const { id } = await site.alice.createCluster({ name: 'after-restart', memory: 0.2 })
    await page.getByRole('row', { name: /after-restart/ }).waitFor()
    await site.alice.delete(`/clusters/${id}`)
    await context.close()
  })

  test('tokens are made, shown once and revoked', async () => {
    const { page, faults, context } = await site.open('alice')
    await page.getByRole('link', { name: 'Tokens' }).click()
    await page.getByLabel('Name').fill('nightly job')
    await page.getByLabel('Expires after').fill('30')
    await page.getByRole('button', { name: 'Create token' }).click()
    const token = (await page.locator('.secret code').textContent()) ?? ''
    expect(
      (await fetch(`${site.url}/users/me`, { headers: { authorization: `Token ${token}` } })).status,
    ).toBe(200)
    await page.getByRole('button', { name: 'Revoke nightly job' }).click()
    await page.getByRole('button', { name: 'Revoke it' }).click()
    await page.getByRole('row', { name: /nightly job/ }).waitFor({ state: 'detached' })
    expect(faults()).toEqual([])
    await context.close()
  })

  test('it is for keyboards: from the login to a new cluster without a mouse', async () => {
    const { page, context } = await site.openLogin()
    await page.getByLabel('User name').waitFor()
    await page.keyboard.type('alice')
    await page.keyboard.press('Tab')
    await page.keyboard.type(PASSWORDS.alice)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'New cluster' }).focus()
    await page.keyboard.press('Enter')
    await page.getByLabel('Name').focus()
    await page.keyboard.type('typed')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: /^typed/ }).waitFor()
    await page.getByRole('button', { name: 'Delete' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    expect(page.url()).toMatch(/\/dashboard\/clusters\/\d+$/)
    await context.close()
  })

  test('1,000 clusters are a list that can be searched and walked through', async () => {
    const dave = await site.addUser('dave')
    const made = Array.from({ length: 1000 }, (_, index) => ({
      name: `many-${index}`,
      memory: 0.01,
      cpus: 0.01,
    }))
    // Nothing runs that long: each would be a process.
    await site.restart({ CLUSTERS_ENGINE: 'none' })
    for (let start = 0; start < made.length; start += 50) {
      await Promise.all(made.slice(start, start + 50).map(fields => dave.createCluster(fields)))
    }
    const opened = await site.openLogin()
    const { page, context } = opened
    await logInOnPage(page, 'dave', PASSWORDS.dave)
    await page.getByRole('row').nth(100).waitFor()
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByRole('row').nth(200).waitFor()
    await page.getByRole('searchbox').fill('many-777')
    await expect.poll(() => page.getByRole('row').count()).toBe(2)
    await page.getByRole('searchbox').fill('nothing-like-it')
    await expectText(page, 'None of your clusters is like that')
    await page.getByRole('searchbox').fill('')
    await page.getByRole('button', { name: 'failed' }).click()
    await expectText(page, 'None of your clusters is like that')
    expect(opened.faults()).toEqual([])
    await context.close()
    await site.restart()
  })

  test('its answers carry what protects it, and its files are kept by browsers', async () => {
    const page = await fetch(`${site.url}/dashboard/`)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const [script = ''] = /\/dashboard\/assets\/app-[^"]+\.js/.exec(await page.text()) ?? []
    const file = await fetch(site.url + script, { headers: { 'accept-encoding': 'br' } })
    expect(file.status).toBe(200)
    expect(file.headers.get('content-encoding')).toBe('br')
    expect(file.headers.get('cache-control')).toContain('immutable')
    for (const path of [
      '/dashboard/assets/none.js',
      '/dashboard/assets/..%2Findex.html',
      '/dashboard/assets/',
    ]) {
      expect((await fetch(site.url + path)).headers.get('content-type')).not.toContain('javascript')
    }
    expect((await fetch(`${site.url}/dashboard/`, { method: 'POST' })).status).toBe(405)
  })
})

test('all its JavaScript is at most 120 kB, compressed with gzip', () => {
  const folder = join(import.meta.dirname, '../../dist/dashboard/assets')
  const sizes = readdirSync(folder)
    .filter(name => name.endsWith('.js.gz'))
    .map(name => readFileSync(join(folder, name)).length)
  expect(sizes.length).toBeGreaterThan(0)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(120_000)
})
