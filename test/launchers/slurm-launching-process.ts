import { systemClock } from '../../src/lib/clock.ts'
import { SlurmLauncher } from '../../src/launchers/slurm/slurm-launcher.ts'
import { specOf } from './local-engine.ts'
import { SLURM_SETTINGS_OF_TESTS } from './slurm-engine.ts'

// A server that is killed while it launches: node slurm-launching-process.ts FOLDER MARKS ID...
const [folder = '', marks = '', ...ids] = process.argv.slice(2)
setInterval(() => undefined, 1000)
const launcher = await SlurmLauncher.open({
  folder,
  clock: systemClock,
  settings: SLURM_SETTINGS_OF_TESTS,
  onChange: () => undefined,
  onWarning: () => undefined,
})
process.stdout.write('ready\n')
const specs = ids.map(id =>
  specOf(['sh', '-c', 'echo started >> "$0"; exec sleep 1000', `${marks}/${id}`], { id }),
)
await launcher.launch(specs.slice(0, ids.length / 2))
await launcher.launch(specs.slice(ids.length / 2))
