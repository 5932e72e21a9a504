import { expect, test } from 'vitest'
import { createFolder, refuseCommand, runCommand } from '../support/spawn.ts'

const run = (...args: string[]) => runCommand(args, { CLUSTERS_DATA_DIR: createFolder() })

test('help goes to standard output and ends with 0, for the command and for each below it', async () => {
  const commands = [['serve'], ['loaddata'], ['user'], ['user', 'add'], ['user', 'passwd']]
  const helps = await Promise.all([[], ...commands].map(command => run(...command, '--help')))
  for (const [index, help] of helps.entries()) {
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain(`Usage: ${['clusters', ...(commands[index - 1] ?? [])].join(' ')}`)
  }
  for (const name of ['serve', 'loaddata', 'user']) expect(helps[0]?.stdout).toContain(name)
  for (const name of ['add', 'list', 'disable', 'enable', 'passwd']) expect(helps[3]?.stdout).toContain(name)
})

test('the command alone, or a group of commands alone, shows its help as a mistake', async () => {
  for (const args of [[], ['user']]) {
    const ended = await run(...args)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('Usage: clusters')
  }
})

test.each([
  [['sreve'], 'serve'],
  [['usr'], 'user'],
  [['load-data'], 'loaddata'],
  [['user', 'ad', 'ada'], 'add'],
  [['user', 'disabel', 'ada'], 'disable'],
  [['serve', '--sample-user'], '--sample-users'],
  [['user', 'list', '--jsn'], '--json'],
])('a mistyped %j is refused, and %s is suggested', async (args, suggestion) => {
  const ended = await run(...args)
  expect(ended).toMatchObject({ code: 2, stdout: '' })
  expect(ended.stderr).toContain(`(Did you mean ${suggestion}?)`)
})

test('a missing argument, or one too many, is a mistake of usage', async () => {
  for (const args of [
    ['user', 'add'],
    ['user', 'disable'],
    ['loaddata'],
    ['serve', 'now'],
    ['user', 'list', 'x'],
  ]) {
    const ended = await run(...args)
    expect(ended, args.join(' ')).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^error: (missing required argument|too many arguments)/)
  }
})

test('a wrong setting is refused by every command before it does anything', async () => {
  for (const args of [['serve'], ['user', 'list'], ['loaddata', '/dev/null']]) {
    const sentence = await refuseCommand(args, { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_PORT: 'x' })
    expect(sentence).toContain('CLUSTERS_PORT')
  }
})

test('the help of what users do shows examples', async () => {
  const commands = [
    'create',
    'list',
    'show',
    'watch',
    'events',
    'logs',
    'credentials',
    'scale',
    'stop',
    'delete',
    'login',
    'usage',
  ]
  const helps = await Promise.all(commands.map(command => run(command, '--help')))
  for (const [index, { code, stdout }] of helps.entries()) {
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples:\\n  clusters ${commands[index]}`))
  }
})
