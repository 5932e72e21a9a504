import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { hasSlurm, SlurmSite } from '../support/slurm.ts'
import { describeLauncherContract } from './contract.ts'
import { openSlurm } from './slurm-engine.ts'

describe.skipIf(!hasSlurm())('on a real Slurm', () => {
  describeLauncherContract('slurm', { runsPrograms: true }, async () => {
    const site = await SlurmSite.start({ cpus: 40 })
    const folder = mkdtempSync(join(tmpdir(), 'clusters-slurm-'))
    return {
      patienceMs: 30_000,
      open: home => openSlurm(site, join(folder, home)),
      cleanUp: async () => {
        await site.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
})
