import type { Command } from 'commander'
import { chmodSync, writeFileSync } from 'node:fs'
import { unwrap } from '../../client/index.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import { connect } from '../account.ts'
import { examples } from '../examples.ts'
import { CommandError } from '../exit.ts'
import { findClusterId } from '../find-cluster.ts'
import { say } from '../output.ts'

export function addCredentialsCommand(program: Command): void {
  program
    .command('credentials')
    .summary('get what lets you connect to a cluster')
    .description(
      'Get the certificate of a cluster and its key, which let you connect to it and nobody else. Whoever has them can run code in it.',
    )
    .argument('<cluster>', 'its id or name')
    .option('-o, --output <file>', 'where to, for you alone to read; standard output without it')
    .addHelpText('after', examples('credentials 7 --output cluster-7.pem'))
    .action(getCredentials)
}

async function getCredentials(typed: string, { output }: { output?: string }): Promise<void> {
  const client = connect()
  const id = await findClusterId(client, typed)
  const pem = unwrap(await client.getCredentials(id))
  if (output === undefined) {
    process.stdout.write(pem)
    return
  }
  try {
    writeFileSync(output, '', { mode: 0o600 })
    // One that was there before may be for others to read.
    chmodSync(output, 0o600)
    writeFileSync(output, pem)
  } catch (error) {
    throw new CommandError(`${output} cannot be written (${errorCodeOf(error)}).`)
  }
  say(`${output} lets you connect to cluster ${id}.`)
}
