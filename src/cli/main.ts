import { Command, CommanderError } from 'commander'
import { OperatorError, Unavailable } from '../domain/errors.ts'
import { version } from '../lib/version.ts'
import { addLoadDataCommand } from './commands/loaddata.ts'
import { addServeCommand } from './commands/serve.ts'
import { addUserCommands } from './commands/user/index.ts'

/** The one table of exit codes. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** The `clusters` command. Resolves to the exit code once the command is done. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('clusters')
    .description('Self-service compute for a team.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what it takes)')
    .configureHelp({ showGlobalOptions: false })
  addServeCommand(program)
  addLoadDataCommand(program)
  addUserCommands(program)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return explain(error)
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof OperatorError || error instanceof Unavailable) {
    process.stderr.write(`clusters: ${error.message}\n`)
  } else {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`clusters: unexpected error; please report it.\n${text}\n`)
  }
  return EXIT.failed
}
