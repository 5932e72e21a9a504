import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeEngine, FakeLauncher } from '../support/fake-launcher.ts'
import { describeLauncherContract } from './contract.ts'
import { openLocal } from './local-engine.ts'

for (const withoutCgroups of [false, true]) {
  describeLauncherContract(withoutCgroups ? 'local without cgroups' : 'local', { runsPrograms: true }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'clusters-local-'))
    return Promise.resolve({
      patienceMs: 20_000,
      open: home => openLocal(join(folder, home), { withoutCgroups }),
      cleanUp: () => {
        rmSync(folder, { recursive: true })
        return Promise.resolve()
      },
    })
  })
}

describeLauncherContract('the fake', { runsPrograms: false }, () => {
  const engine = new FakeEngine()
  return Promise.resolve({
    patienceMs: 1000,
    open: home => Promise.resolve(new FakeLauncher({ home: `fake:${home}`, engine })),
    cleanUp: () => Promise.resolve(),
  })
})
