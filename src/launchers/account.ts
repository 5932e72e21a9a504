import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'

/** A user of this machine. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** By name; also users that are not in the file but in a directory of the network. */
export async function findAccount(name: string): Promise<Account | undefined> {
  try {
    const { stdout } = await promisify(execFile)('getent', ['passwd', name], { timeout: 10_000 })
    return findInPasswd(stdout, name)
  } catch {
    // It is not on every machine.
    return findInPasswd(readFileSync('/etc/passwd', 'utf8'), name)
  }
}

/** The one this process runs as. */
export function getOwnAccount(): Account {
  try {
    const { username, uid, gid, homedir, shell } = userInfo()
    return { name: username, uid, gid, home: homedir, shell: shell ?? '/bin/sh' }
  } catch {
    // A container may run as a number that no user has.
    const uid = process.getuid?.() ?? 0
    return { name: String(uid), uid, gid: process.getgid?.() ?? 0, home: '/', shell: '/bin/sh' }
  }
}

export function findInPasswd(text: string, name: string): Account | undefined {
  for (const line of text.split('\n')) {
    const [found, , uid, gid, , home, shell] = line.split(':')
    if (found !== name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) continue
    return {
      name,
      uid: Number(uid),
      gid: Number(gid),
      home: home === undefined || home === '' ? '/' : home,
      shell: shell === undefined || shell === '' ? '/bin/sh' : shell,
    }
  }
  return undefined
}
