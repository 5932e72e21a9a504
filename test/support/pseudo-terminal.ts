import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLUSTERS_COMMAND, cleanEnvironment, collect } from './spawn.ts'

/** Runs a program on a pseudo-terminal, with pipes to and from it: util-linux has one, Python another. */
const TERMINALS: readonly { program: string; args: (command: readonly string[]) => string[] }[] = [
  { program: 'script', args: command => ['-qec', command.map(quote).join(' '), '/dev/null'] },
  { program: 'python3', args: command => ['-c', PYTHON, ...command] },
]
const PYTHON = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'

/** `undefined` where neither is. */
export const terminal = TERMINALS.find(({ program, args }) => {
  const { status } = spawnSync(program, args(['sh', '-c', 'test -t 0 && exit 3']), { input: '' })
  return status === 3
})

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** Runs the command on a terminal and types each answer when its prompt has come; gives all that was shown. */
export async function type(
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
