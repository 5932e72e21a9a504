import type { Command } from 'commander'
import { unwrap } from '../../../client/index.ts'
import { addMs, SECOND_MS, systemClock } from '../../../lib/clock.ts'
import { connect } from '../../account.ts'
import { examples } from '../../examples.ts'
import { formatTable, print, printJson, say } from '../../output.ts'
import { formatTime, parseDuration, parseWhole } from '../../values.ts'

export function addTokenCommands(program: Command): void {
  const tokens = program
    .command('tokens')
    .summary('list, create and revoke tokens')
    .description('Tokens for scripts: each has a name, may expire, and can be revoked by itself.')
    .helpCommand(false)
  tokens
    .command('list')
    .description('List your tokens; their values are shown only once, when they are made.')
    .option('--json', 'as JSON', false)
    .action(list)
  tokens
    .command('create')
    .description('Create a token and print it. It is shown this once.')
    .argument('<name>', 'what it is for')
    .option(
      '--expires <time>',
      'after so long, such as 90d; it lasts until it is revoked without this',
      parseDuration,
    )
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples('tokens create nightly --expires 90d', 'tokens create ci --json'))
    .action(create)
  tokens
    .command('delete')
    .description('Revoke a token.')
    .argument('<id>', 'from "clusters tokens list"', parseWhole)
    .action(async (id: number) => {
      unwrap(await connect().deleteToken(id))
      say(`The token ${id} is revoked.`)
    })
}

async function list({ json }: { json: boolean }): Promise<void> {
  const { items } = unwrap(await connect().listTokens())
  if (json) {
    printJson(items)
    return
  }
  const rows = items.map(({ id, name, expires_at: expiresAt, last_used_at: lastUsedAt, current }) => [
    String(id),
    current ? `${name} (this one)` : name,
    expiresAt === null ? 'never' : formatTime(expiresAt),
    lastUsedAt === null ? 'never' : formatTime(lastUsedAt),
  ])
  print(formatTable([['ID', 'NAME', 'EXPIRES', 'LAST USED'], ...rows]))
}

async function create(name: string, { expires, json }: { expires?: number; json: boolean }): Promise<void> {
  const expiresAt = expires === undefined ? null : addMs(systemClock(), expires * SECOND_MS).toISOString()
  const token = unwrap(await connect().createToken(name, expiresAt))
  say(`This is the token ${name}; it is shown this once:`)
  if (json) printJson(token)
  else print(token.token)
}
