import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { createClient, type Client } from '../client/index.ts'
import { errorCodeOf } from '../lib/error-code.ts'
import { CommandError, EXIT } from './exit.ts'
import { say } from './output.ts'

const DEFAULT_URL = 'http://127.0.0.1:8000'

/** Which server, and who asks. */
export interface Account {
  readonly url: string
  /** `undefined`: not logged in there. */
  readonly token: string | undefined
}

/** CLUSTERS_URL and CLUSTERS_TOKEN for scripts, else what `clusters login` has kept. */
export function findAccount(): Account {
  const { env } = process
  const kept = readKept()
  const url = env['CLUSTERS_URL'] ?? kept?.url ?? DEFAULT_URL
  checkUrl(url)
  // A token is for the server that gave it, and never sent to another.
  const keptToken = kept !== undefined && isSameServer(kept.url, url) ? kept.token : undefined
  return { url, token: env['CLUSTERS_TOKEN'] ?? keptToken }
}

/** Where to log in when nobody says; what is kept may be broken. */
export function findLoginUrl(): string {
  try {
    return findAccount().url
  } catch {
    return process.env['CLUSTERS_URL'] ?? DEFAULT_URL
  }
}

/** A client of whoever is logged in. */
export function connect(): Client {
  const { url, token } = findAccount()
  if (token === undefined) {
    throw new CommandError(`You are not logged in on ${url}. Log in with "clusters login".`, EXIT.notLoggedIn)
  }
  return createClient({ url, token })
}

/** For this user of the machine alone. */
export function keepAccount(account: Account): string {
  const path = pathOfKept()
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(account, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, path)
  return path
}

export function forgetAccount(): void {
  rmSync(pathOfKept(), { force: true })
}

/** Throws for what is no address of a server. */
export function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new CommandError(
      `${url} is no address of a server: it must begin with http:// or https://.`,
      EXIT.usage,
    )
  }
}

export function pathOfKept(): string {
  const folder = process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config')
  return join(folder, 'clusters', 'login.json')
}

function readKept(): Account | undefined {
  const path = pathOfKept()
  try {
    const { mode } = statSync(path)
    if ((mode & 0o077) !== 0) {
      say(`Others could read your token in ${path}; now they cannot.`)
      chmodSync(path, 0o600)
    }
    return parseKept(readFileSync(path, 'utf8'), path)
  } catch (error) {
    if (error instanceof CommandError) throw error
    if (errorCodeOf(error) === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read (${errorCodeOf(error)}).`)
  }
}

function parseKept(text: string, path: string): Account {
  const broken = new CommandError(`${path} is broken. Log in again with "clusters login".`, EXIT.notLoggedIn)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw broken
  }
  if (typeof parsed !== 'object' || parsed === null) throw broken
  const url: unknown = Reflect.get(parsed, 'url')
  const token: unknown = Reflect.get(parsed, 'token')
  if (typeof url !== 'string' || typeof token !== 'string') throw broken
  return { url, token }
}

function isSameServer(one: string, other: string): boolean {
  return URL.canParse(one) && new URL(one).origin === new URL(other).origin
}
