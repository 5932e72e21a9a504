import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { Caller, type Answer } from './caller.ts'
import { authTokenOf, getCsrf, logIn as logInWith } from './log-in.ts'

/** The real command, as an operator runs it: with `process.execPath`, for the shebang's Node may be another. */
export const CLUSTERS_COMMAND = fileURLToPath(new URL('../../bin/clusters', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

type Settings = Readonly<Record<string, string>>

const children = new Set<ChildProcess>()
const folders: string[] = []

/** What a test starts ends with its file, however the test ends. */
export async function endSpawned(): Promise<void> {
  for (const child of children) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}
// An afterAll of the test itself that throws keeps the one above from running.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A new folder that is gone after the test file. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'clusters-e2e-'))
  folders.push(folder)
  return folder
}

/** No CLUSTERS_* of whoever runs the tests: only what the test says. Nothing is launched unless it says so. */
export function cleanEnvironment(settings: Settings): Settings {
  return { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), CLUSTERS_ENGINE: 'none', ...settings }
}

function spawnCommand(args: readonly string[], settings: Settings): ChildProcess {
  const child = spawn(process.execPath, [CLUSTERS_COMMAND, ...args], { env: cleanEnvironment(settings) })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** Runs the command to its end. `input` is its standard input. */
export async function runCommand(
  args: readonly string[],
  settings: Settings = {},
  input: string | Buffer = '',
): Promise<Ended> {
  const child = spawnCommand(args, settings)
  // A command that ends without reading leaves the pipe broken, which is its right.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  return await collect(child)
}

/**
 * A command that is refused; gives the sentence. Fails unless it ends with exit code 1 and says one sentence
 * on standard error and nothing else anywhere.
 */
export async function refuseCommand(
  args: readonly string[],
  settings: Settings,
  input: string | Buffer = '',
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, settings, input)
  const command = `clusters ${args.join(' ')}`
  expect(stderr, `${command}: one sentence`).toMatch(/^clusters: [^\n]+\n$/)
  expect(stderr, `${command}: no stack`).not.toMatch(/\bat .+:\d+:\d+|node_modules|unexpected error/)
  expect({ code, stdout }, command).toEqual({ code: 1, stdout: '' })
  return stderr
}

/** What a process that is under way will have said. */
export async function collect(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)]
  await once(child, 'close')
  return { code: child.exitCode, signal: child.signalCode, stdout: stdout(), stderr: stderr() }
}

function gather(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

export interface SpawnedServer {
  readonly url: string
  readonly pid: number
  /** The line on standard output that says that it serves. */
  readonly readyLine: string
  /** Everything it has logged so far. */
  log(): string
  /** Tells it to end; gives how it ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

const START_TIMEOUT_MS = 30_000

/** `clusters serve`, once it says that it serves. Rejects with what it said when it ends instead. */
export async function spawnServer(
  settings: Settings,
  options: { sampleUsers?: boolean } = {},
): Promise<SpawnedServer> {
  const args = options.sampleUsers === true ? ['serve', '--sample-users'] : ['serve']
  const child = spawnCommand(args, { CLUSTERS_PORT: '0', ...settings })
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)]
  const ended = once(child, 'close').then((): Ended => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout: stdout(),
    stderr: stderr(),
  }))
  const timeout = sleep(START_TIMEOUT_MS, 'timeout', { ref: false })
  for (;;) {
    const [readyLine = ''] = /^clusters serves on .*\n/.exec(stdout()) ?? []
    const [, url] = /^clusters serves on ([^\s;]+)/.exec(readyLine) ?? []
    if (url !== undefined) {
      return {
        url,
        pid: child.pid ?? 0,
        readyLine: readyLine.trimEnd(),
        log: stderr,
        stop: (signal = 'SIGTERM') => {
          child.kill(signal)
          return ended
        },
      }
    }
    const first = await Promise.race([ended, timeout, sleep(20)])
    if (first !== undefined) throw new Error(`the server did not start: ${stdout()}${stderr()}`)
  }
}

/** A login over HTTP, with the CSRF value it needs. */
export async function logIn(url: string, username: string, password: string): Promise<Answer> {
  const nobody = new Caller({ url })
  return await logInWith(nobody, await getCsrf(nobody), { username, password })
}

/** Somebody who is logged in. */
export async function logInAs(url: string, username: string, password: string): Promise<Caller> {
  const token = authTokenOf(await logIn(url, username, password))
  const { body } = await new Caller({ url, token }).get('/users/me')
  const { id } = body as { id: number }
  return new Caller({ url, token, id, username })
}
