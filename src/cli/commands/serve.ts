import type { Command } from 'commander'
import { SAMPLE_PASSWORD, SAMPLE_USERNAMES } from '../../domain/user.ts'
import type { GoingOn } from '../../serve.ts'
import { count } from '../output.ts'

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('Serve the API. Settings come from CLUSTERS_* variables and the file CLUSTERS_CONFIG names.')
    .option(
      '--sample-users',
      `load the sample users ${SAMPLE_USERNAMES.join(' and ')} into an empty database`,
      false,
    )
    .action((options: { sampleUsers: boolean }) => run(options))
}

/** Resolves when the server has stopped. */
async function run({ sampleUsers }: { sampleUsers: boolean }): Promise<void> {
  // Loading the server takes longer than most other commands.
  const { loadConfig } = await import('../../config.ts')
  const { serve } = await import('../../serve.ts')
  const server = await serve(loadConfig(process.env), { sampleUsers })
  const logins =
    server.sampleLogins.length > 0
      ? `; log in as ${server.sampleLogins.join(' or ')}, password ${SAMPLE_PASSWORD}`
      : ''
  // Before anybody can read that it serves, and tell it to end.
  const signalled = waitForSignal()
  process.stdout.write(`clusters serves on ${server.url}${logins}\n`)
  const printSummary = server.engineSummary.then(summary => {
    if (summary !== undefined) process.stdout.write(`${summary}\n`)
  })
  await signalled
  const goingOn = await server.stop()
  await printSummary
  if (goingOn?.clusters === 0) return
  process.stdout.write(
    `${describeGoingOn(goingOn)}: start it again to watch and stop them${server.howToEndAll}.\n`,
  )
}

function describeGoingOn(goingOn: GoingOn | undefined): string {
  if (goingOn === undefined) {
    return 'The database cannot be asked how many clusters go on running without the server'
  }
  const { clusters, workers } = goingOn
  return `${count(clusters, 'cluster goes', 'clusters go')} on running without the server, with ${count(workers, 'worker', 'workers')}`
}

/** A second signal ends at once. There is a listener all the time: without any, the next one would kill. */
function waitForSignal(): Promise<void> {
  return new Promise(resolve => {
    let isTold = false
    const tell = () => {
      if (isTold) process.exit(1)
      isTold = true
      resolve()
    }
    process.on('SIGTERM', tell).on('SIGINT', tell)
  })
}
