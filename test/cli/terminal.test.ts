import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CLUSTERS_COMMAND, cleanEnvironment, collect, createFolder, runCommand } from '../support/spawn.ts'

/** Runs a program on a pseudo-terminal, with pipes to and from it: util-linux has one, Python another. */
const TERMINALS: readonly { program: string; args: (command: readonly string[]) => string[] }[] = [
  { program: 'script', args: command => ['-qec', command.map(quote).join(' '), '/dev/null'] },
  { program: 'python3', args: command => ['-c', PYTHON, ...command] },
]
const PYTHON = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'

const terminal = TERMINALS.find(({ program, args }) => {
  const { status } = spawnSync(program, args(['sh', '-c', 'test -t 0 && exit 3']), { input: '' })
  return status === 3
})

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}

const PASSWORD = 'correct horse battery'

/** Types each answer when its prompt has come; gives all that the terminal showed. */
async function type(
  args: readonly string[],
  settings: Record<string, string>,
  answers: readonly (readonly [prompt: string, typed: string])[],
): Promise<{ code: number | null; shown: string }> {
  const command = [process.execPath, CLUSTERS_COMMAND, ...args]
  const env = { ...cleanEnvironment(settings), SHELL: '/bin/sh' }
  const child = spawn(terminal?.program ?? '', terminal?.args(command) ?? [], { env })
  const ended = collect(child)
  const shown = watch(child)
  for (const [prompt, typed] of answers) {
    await until(() => shown().includes(prompt), prompt)
    // The prompt comes just before the terminal stops echoing.
    await sleep(300)
    child.stdin.write(typed)
  }
  const { code } = await ended
  return { code, shown: shown() }
}

function watch(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return () => text
}

async function until(isReached: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (isReached()) return
    await sleep(50)
  }
  throw new Error(`waited in vain for ${what}`)
}

async function countUsers(settings: Record<string, string>): Promise<number> {
  const { stdout } = await runCommand(['user', 'list', '--json'], settings)
  return (JSON.parse(stdout) as unknown[]).length
}

test.skipIf(terminal === undefined)(
  'on a terminal the password is asked for twice and never shown (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    const { code, shown } = await type(['user', 'add', 'ada'], settings, [
      ['Password for ada: ', `${PASSWORD}\r`],
      ['The same again: ', `${PASSWORD}\r`],
    ])
    expect(code).toBe(0)
    expect(shown).toContain('Added ada.')
    expect(shown).not.toContain('correct')
    expect(await countUsers(settings)).toBe(1)
  },
)

test.skipIf(terminal === undefined)(
  'two passwords that differ are refused, and nothing is added (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    const { code, shown } = await type(['user', 'add', 'ada'], settings, [
      ['Password for ada: ', `${PASSWORD}\r`],
      ['The same again: ', 'correct horse batery\r'],
    ])
    expect(code).toBe(1)
    expect(shown).toContain('The two passwords differ.')
    expect(shown).not.toContain('correct')
    expect(await countUsers(settings)).toBe(0)
  },
)

test.skipIf(terminal === undefined).each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s at the question changes nothing and ends with 1 (needs script or python3)', async (_name, key) => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  await runCommand(['user', 'list'], settings)
  const { code, shown } = await type(['user', 'add', 'ada'], settings, [['Password for ada: ', key]])
  expect(shown).toContain('Nothing was changed.')
  expect(code).toBe(1)
  expect(await countUsers(settings)).toBe(0)
})

test.skipIf(terminal === undefined)(
  'passwd asks only after it has found the user (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    await runCommand(['user', 'list'], settings)
    const { code, shown } = await type(['user', 'passwd', 'ada'], settings, [])
    expect(code).toBe(1)
    expect(shown).toContain('There is no user ada.')
    expect(shown).not.toContain('Password')
  },
)
