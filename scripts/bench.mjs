// npm run bench: measures the built server against its peers and writes bench/results.md.
import { spawnSync } from 'node:child_process'
import { prepare, root } from './prepare.mjs'

prepare()
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', 'bench/main.ts', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
process.exitCode = status ?? 1
