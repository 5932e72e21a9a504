import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { findBrowserNeeds } from '../support/browser.ts'
import { DASK_PYTHON, hasDask } from '../support/dask.ts'
import { Site } from '../support/dashboard-page.ts'
import { hasSlurm, SlurmSite } from '../support/slurm.ts'
import { createFolder } from '../support/spawn.ts'

const { isSkipped: hasNoBrowser, needs } = await findBrowserNeeds()

test.skipIf(!hasSlurm() || !hasDask() || hasNoBrowser)(
  `the lines that the page shows compute on Slurm, with the file that it gives${needs}`,
  async () => {
    const slurm = await SlurmSite.start({ nodes: 3, cpus: 4, memoryMib: 4096 })
    const site = await Site.start({
      ...slurm.environment,
      CLUSTERS_ENGINE: 'slurm',
      CLUSTERS_DASK_PYTHON: DASK_PYTHON,
    })
    try {
      const { id } = await site.alice.createCluster({ runtime: 'dask', workers: 3, cpus: 1, memory: 0.5 })
      await site.alice.get(`/clusters/${id}?wait_for=running&timeout=100`)
      const { page } = await site.open('alice')
      await page.goto(`${site.url}/dashboard/clusters/${id}`)
      const lines = page.getByLabel('How to connect')
      await lines.waitFor()
      const download = page.waitForEvent('download')
      await page.getByRole('link', { name: `Download cluster-${id}.pem` }).click()
      const folder = createFolder()
      const file = await download
      await file.saveAs(join(folder, file.suggestedFilename()))
      expect(file.suggestedFilename()).toBe(`cluster-${id}.pem`)
      const script = `${await lines.innerText()}\nprint(client.gather(client.map(lambda x: x * x, range(4))))\n`
      const { stdout } = await promisify(execFile)(DASK_PYTHON, ['-c', script], { cwd: folder })
      expect(stdout.trim()).toBe('[0, 1, 4, 9]')
      if (process.env['SHOTS'] !== undefined) {
        await page.screenshot({ path: join(process.env['SHOTS'], 'slurm-cluster.png'), fullPage: true })
      }
      await page.close()
    } finally {
      await site.end()
      await slurm.stop()
    }
  },
  180_000,
)
