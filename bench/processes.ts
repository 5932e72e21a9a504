import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Load, LoadResult } from './load.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const fromSource = ['--import', 'tsx']

/** Servers on one core, the load on the other; without taskset (not on Linux) wherever they fall. */
const hasTaskset = existsSync('/usr/bin/taskset')
export const onServerCore = hasTaskset ? ['taskset', '-c', '0'] : []
const onAllCores = hasTaskset ? ['taskset', '-c', `0-${availableParallelism() - 1}`] : []
const onLoadCore = hasTaskset ? ['taskset', '-c', '1'] : []

/** Moves this process to the core of the load. */
export function keepToLoadCore(): void {
  if (hasTaskset) spawnSync('taskset', ['-a', '-p', '-c', '1', String(process.pid)], { stdio: 'ignore' })
}

export interface Server {
  readonly url: string
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** A server process that tells its URL in its first line. */
async function startProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  where: 'server-core' | 'all-cores' = 'server-core',
): Promise<Server> {
  const cores = where === 'server-core' ? onServerCore : onAllCores
  const [program = '', ...rest] = [...cores, process.execPath, ...args]
  const server = spawn(program, rest, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    server.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const match = /serves on (http:\S+?);?\s/.exec(said)
      if (match?.[1] !== undefined) resolve(match[1])
    })
    server.once('exit', code => {
      reject(new Error(`a server ended with ${code}: ${said}`))
    })
  })
  return {
    url,
    process: server,
    async stop() {
      server.kill('SIGTERM')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

/** Answers a constant of so many bytes. */
export function startBare(bytes: number): Promise<Server> {
  return startProcess([...fromSource, 'bench/bare.ts', String(bytes)])
}

/** The built server, as in production; `nodeArgs` are for Node itself. */
export function startClusters(
  settings: Readonly<Record<string, string>>,
  nodeArgs: readonly string[] = [],
  where: 'server-core' | 'all-cores' = 'server-core',
): Promise<Server> {
  const env = { CLUSTERS_PORT: '0', CLUSTERS_LOG_LEVEL: 'warn', CLUSTERS_ENGINE: 'none', ...settings }
  return startProcess([...nodeArgs, 'bin/clusters', 'serve', '--sample-users'], env, where)
}

/** Spawns bare processes on request. */
export function startSpawner(): Promise<Server> {
  return startProcess([...fromSource, 'bench/spawner.ts'], {}, 'all-cores')
}

/** What a script of this folder prints. */
export async function runScript(script: string, ...args: readonly string[]): Promise<string> {
  return await runOn(onServerCore, script, args)
}

/** The same where it may use all cores. */
export async function runScriptOnAllCores(script: string, ...args: readonly string[]): Promise<string> {
  return await runOn(onAllCores, script, args)
}

async function runOn(cores: readonly string[], script: string, args: readonly string[]): Promise<string> {
  const [program = '', ...rest] = [...cores, process.execPath, ...fromSource, script, ...args]
  const child = spawn(program, rest, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error(`${script} ended with ${String(child.exitCode)}`)
  return output
}

export async function runLoad(load: Load): Promise<LoadResult> {
  const command = [...onLoadCore, process.execPath, ...fromSource, 'bench/load.ts', JSON.stringify(load)]
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  return JSON.parse(output) as LoadResult
}

/** CPU seconds of a process and its threads so far: the steadiest figure on a shared machine. */
export function cpuSeconds(pid: number | undefined): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticksPerSecond = 100
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** The same with all processes below it, ended ones included as far as they were waited for. */
export function cpuSecondsOfTree(pid: number): number {
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(name => parentOf(name) === pid)
  return children.reduce((sum, child) => sum + cpuSecondsOfTree(Number(child)), cpuSeconds(pid))
}

function parentOf(pid: string): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

/** Resident memory in MB. */
export function residentMb(pid: number | undefined): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

export function makeFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'clusters-bench-'))
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
    },
  }
}
