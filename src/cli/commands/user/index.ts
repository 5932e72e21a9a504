import type { Command } from 'commander'
import { say } from '../../output.ts'
import { addUser } from './add.ts'
import { listUsers } from './list.ts'
import { setPassword } from './passwd.ts'

export function addUserCommands(program: Command): void {
  const user = program
    .command('user')
    .description("Manage users, on the server's own machine, also while it runs.")
    .helpCommand(false)
  user
    .command('add')
    .description('Add a user. The password is asked for, or read from standard input.')
    .argument('<name>')
    .option('--admin', 'make the user an administrator', false)
    .action((name: string, options: { admin: boolean }) => addUser(name, { isAdministrator: options.admin }))
  user
    .command('list')
    .description('List all users.')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) => listUsers(options))
  user
    .command('disable')
    .description('Disable a user: no login, and every token is dead at once.')
    .argument('<name>')
    .action(async (name: string) => {
      const { operate } = await import('../../../operate.ts')
      await operate(process.env, say, ({ users }) => users.disable(name))
      say(`${name} is disabled.`)
    })
  user
    .command('enable')
    .description('Enable a disabled user again.')
    .argument('<name>')
    .action(async (name: string) => {
      const { operate } = await import('../../../operate.ts')
      await operate(process.env, say, ({ users }) => users.enable(name))
      say(`${name} is enabled.`)
    })
  user
    .command('passwd')
    .description("Set a user's password and revoke all their tokens.")
    .argument('<name>')
    .action((name: string) => setPassword(name))
}
