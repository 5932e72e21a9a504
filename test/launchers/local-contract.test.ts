import { join } from 'node:path'
import { FakeEngine, FakeLauncher } from '../support/fake-launcher.ts'
import { describeLauncherContract } from './contract.ts'
import { createWorkersFolder, openLocal, removeWorkersFolder } from './local-engine.ts'

for (const withoutCgroups of [false, true]) {
  describeLauncherContract(withoutCgroups ? 'local without cgroups' : 'local', { runsPrograms: true }, () => {
    const folder = createWorkersFolder()
    const homes = new Set<string>()
    return Promise.resolve({
      patienceMs: 20_000,
      open: home => {
        homes.add(join(folder, home))
        return openLocal(join(folder, home), { withoutCgroups })
      },
      cleanUp: () => {
        for (const home of homes) removeWorkersFolder(home)
        removeWorkersFolder(folder)
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
