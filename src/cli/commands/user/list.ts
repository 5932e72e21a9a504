import { formatTable, say } from '../../output.ts'

export async function listUsers({ json }: { json: boolean }): Promise<void> {
  const { operate } = await import('../../../operate.ts')
  const accounts = await operate(process.env, say, ({ users }) => users.list())
  const rows = accounts.map(({ id, username, isAdministrator, disabledAt, createdAt }) => ({
    id,
    username,
    is_administrator: isAdministrator,
    created_at: createdAt,
    disabled_at: disabledAt,
  }))
  if (json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  } else if (rows.length === 0) {
    say('There are no users yet: add one with "./bin/clusters user add NAME".')
  } else {
    const table = rows.map(row => [
      String(row.id),
      row.username,
      row.is_administrator ? 'administrator' : 'user',
      row.disabled_at === null ? 'active' : 'disabled',
      row.created_at.slice(0, 10),
    ])
    process.stdout.write(formatTable([['ID', 'NAME', 'ROLE', 'STATE', 'CREATED'], ...table]))
  }
}
