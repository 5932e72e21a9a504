import type { Command } from 'commander'
import { count, say } from '../output.ts'

export function addLoadDataCommand(program: Command): void {
  program
    .command('loaddata')
    .description('Load users and clusters from a Django fixture, as "manage.py dumpdata" writes it.')
    .argument('<file>', 'YAML or JSON')
    .action((file: string) => run(file))
}

async function run(file: string): Promise<void> {
  const { operate, readFixture } = await import('../../operate.ts')
  // Before a database is made for it.
  const text = readFixture(file)
  const { users, clusters, notes } = await operate(process.env, say, operator =>
    operator.loadFixture(text, file),
  )
  say(`Loaded ${count(users, 'user')} and ${count(clusters, 'cluster')} from ${file}.`)
  for (const note of notes) say(`- ${note}`)
}
