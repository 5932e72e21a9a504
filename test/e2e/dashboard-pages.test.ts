/** The dashboard for everybody: axe on every page, and what administrators see. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findBrowserNeeds } from '../support/browser.ts'
import { expectText, findBarriers, Site } from '../support/dashboard-page.ts'

const { isSkipped: hasNoBrowser, needs } = await findBrowserNeeds()
const isSkipped = hasNoBrowser || process.platform !== 'linux'

let site: Site

beforeAll(async () => {
  if (!isSkipped) site = await Site.start()
})
afterAll(() => site?.end())

describe.skipIf(isSkipped)(`the dashboard${needs}`, () => {
  test('an administrator stops a runaway cluster, gives a quota, and disables a user', async () => {
    const { id } = await site.betty.createCluster({ name: 'runaway', memory: 0.2 })
    const { page, faults, context } = await site.open('carol')
    await page.getByRole('link', { name: 'Administration' }).click()
    const row = page.getByRole('row', { name: new RegExp(`#${id} `) })
    await row.waitFor()
    expect(await page.content()).not.toContain('runaway')
    await page.getByRole('button', { name: `Stop cluster ${id}` }).click()
    await page.getByRole('button', { name: 'Stop it' }).click()
    await row.waitFor({ state: 'detached' })
    expect((await site.betty.get(`/clusters/${id}`)).body).toMatchObject({
      reason: 'stopped_by_administrator',
    })
    await page.getByRole('button', { name: 'Quota of betty' }).click()
    await page.getByLabel('CPUs', { exact: true }).fill('3')
    await page.getByRole('button', { name: 'Set quota' }).click()
    await expectText(page, '0 of 3')
    await page.getByRole('button', { name: 'Disable betty' }).click()
    await page.getByRole('button', { name: 'Disable', exact: true }).click()
    await page.getByRole('button', { name: 'Enable betty' }).click()
    await page.getByRole('button', { name: 'Disable betty' }).waitFor()
    await page.reload()
    await expectText(page, 'carol stopped a cluster of betty')
    expect(faults()).toEqual([])
    await context.close()
  })

  test('what a cluster used is told and drawn against what it asked for', async () => {
    const { id } = await site.alice.createCluster({ name: 'measured', cpus: 8, workers: 2, memory: 0.5 })
    await site.alice.get(`/clusters/${id}?wait_for=running&timeout=20`)
    site.keepSamples(
      id,
      [0.5, 2.1, 1.4].map(cpus => ({ cpus, memoryBytes: 0.25 * 1024 ** 3 })),
    )
    const { page, faults, context } = await site.open('alice', { path: `/dashboard/clusters/${id}` })
    await expectText(page, 'Asked for 16 CPUs, used 2.1 at most; asked for 1 GiB, used 0.25 at most.')
    await page.getByRole('img', { name: 'CPUs over time, from 0.5 to 1.4' }).waitFor()
    const chart = page.getByRole('img', { name: 'Memory in GiB over time, from 0.25 to 0.25' })
    const figure = page.locator('figure', { has: chart })
    expect(await figure.locator('figcaption').textContent()).toBe('Memory in GiBlast: 0.25 of 1')
    await chart.hover({ position: { x: 5, y: 5 } })
    await figure.getByText(/^(?!last).*: 0\.25 of 1$/).waitFor()
    expect(faults()).toEqual([])
    await context.close()
  })

  describe.each(['light', 'dark'] as const)('in the scheme %s', colorScheme => {
    test.each([1280, 390])('axe finds nothing on any page, %d wide', async width => {
      const { id } = await site.alice.createCluster({ name: 'axe', workers: 2, memory: 0.2 })
      const login = await site.openLogin({ colorScheme, width })
      await login.page.getByLabel('User name').waitFor()
      expect(await findBarriers(login.page)).toEqual([])
      await login.context.close()
      const pages = [
        ['alice', ['', 'new', `clusters/${id}`, 'clusters/999999', 'usage', 'tokens']],
        ['carol', ['', 'administration']],
      ] as const
      for (const [user, paths] of pages) {
        const { page, faults, context } = await site.open(user, { colorScheme, width })
        for (const path of paths) {
          await page.goto(`${site.url}/dashboard/${path}`)
          await page.getByRole('heading').first().waitFor()
          await page.waitForTimeout(600)
          expect(await findBarriers(page), path).toEqual([])
          // Nothing to scroll sideways.
          expect(
            await page.evaluate('document.documentElement.scrollWidth - innerWidth'),
            path,
          ).toBeLessThanOrEqual(0)
        }
        expect(faults().filter(fault => !/404/.test(fault))).toEqual([])
        await context.close()
      }
      await site.alice.delete(`/clusters/${id}`)
    })
  })
})
