// npm start: the whole thing from a fresh clone, with the sample users.
import { prepare } from './prepare.mjs'

prepare()
const { main } = await import('../dist/main.js')
process.exitCode = await main(['serve', '--sample-users'])
