import { say } from '../../output.ts'
import { readNewPassword } from '../../read-password.ts'

export async function setPassword(username: string): Promise<void> {
  const { operate } = await import('../../../operate.ts')
  // Before asking: nobody likes to type a password twice for a name they mistyped.
  await operate(process.env, say, ({ users }) => users.getAccount(username))
  const password = await readNewPassword(username)
  await operate(process.env, say, ({ users, passwords }) => users.setPassword(username, password, passwords))
  say(`${username} has a new password, and all their tokens are revoked.`)
}
