import { openLocal, specOf } from './local-engine.ts'

// A server that is killed while it launches: node launching-process.ts FOLDER MARKS WITHOUT_CGROUPS ID...
const [folder = '', marks = '', withoutCgroups = '', ...ids] = process.argv.slice(2)
// Until it is killed: a launcher keeps no process alive, also not while it launches.
setInterval(() => undefined, 1000)
const launcher = await openLocal(folder, { withoutCgroups: withoutCgroups === 'true' })
await launcher.describe()
process.stdout.write('ready\n')
const specs = ids.map(id =>
  specOf(['sh', '-c', 'echo started >> "$0"; exec sleep 1000', `${marks}/${id}`], { id }),
)
await launcher.launch(specs.slice(0, ids.length / 2))
await launcher.launch(specs.slice(ids.length / 2))
process.stdout.write('launched\n')
