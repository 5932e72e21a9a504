// npm run dev: the server from its sources; tsx starts it again after each change.
import { main } from '../src/cli/main.ts'

process.exitCode = await main(['serve', '--sample-users'])
