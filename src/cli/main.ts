import { Command } from 'commander'
import { version } from '../lib/version.ts'
import { addChangeCommands } from './commands/change.ts'
import { addCreateCommand } from './commands/create.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addListCommand } from './commands/list.ts'
import { addLoadDataCommand } from './commands/loaddata.ts'
import { addLoginCommands } from './commands/login.ts'
import { addCredentialsCommand } from './commands/credentials.ts'
import { addLogsCommand } from './commands/logs.ts'
import { addServeCommand } from './commands/serve.ts'
import { addShowCommand } from './commands/show.ts'
import { addTokenCommands } from './commands/tokens/index.ts'
import { addUsageCommand } from './commands/usage.ts'
import { addUserCommands } from './commands/user/index.ts'
import { addWatchCommands } from './commands/watch.ts'
import { EXIT, explain } from './exit.ts'

/** The `clusters` command. Resolves to the exit code once the command is done. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('clusters')
    .description('Self-service compute for a team.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what it takes)')
    .configureHelp({ showGlobalOptions: false })
    .helpCommand(false)
  for (const [heading, adders] of GROUPS) {
    program.commandsGroup(heading)
    for (const add of adders) add(program)
  }
  program.addHelpText('after', EXIT_CODES)
  endQuietlyWithoutReader()
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return explain(error)
  }
}

const GROUPS: readonly (readonly [string, readonly ((program: Command) => void)[]])[] = [
  [
    'Clusters:',
    [
      addCreateCommand,
      addListCommand,
      addShowCommand,
      addWatchCommands,
      addLogsCommand,
      addCredentialsCommand,
      addChangeCommands,
    ],
  ],
  ['You:', [addLoginCommands, addTokenCommands, addUsageCommand, addDoctorCommand]],
  ["The server's machine:", [addServeCommand, addUserCommands, addLoadDataCommand]],
]

const EXIT_CODES = `
Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 the cluster failed, 4 not logged in,
5 the server does not answer, 130 interrupted.`

/** `clusters list | head -1`: nobody wants the rest. */
function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
}
