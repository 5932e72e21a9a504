import { say } from '../../output.ts'
import { readNewPassword } from '../../read-password.ts'

export async function addUser(username: string, options: { isAdministrator: boolean }): Promise<void> {
  const { checkUsername, operate } = await import('../../../operate.ts')
  checkUsername(username)
  const password = await readNewPassword(username)
  await operate(process.env, say, ({ users, passwords }) =>
    users.add({ username, password, isAdministrator: options.isAdministrator }, passwords),
  )
  say(`Added ${username}${options.isAdministrator ? ', an administrator' : ''}.`)
}
