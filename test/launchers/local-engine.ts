import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalLauncher, type LocalOptions } from '../../src/launchers/local/local-launcher.ts'
import type { LocalSettings } from '../../src/launchers/local/settings.ts'

export const SETTINGS: LocalSettings = {
  user: undefined,
  cpus: undefined,
  memoryGib: undefined,
  graceSeconds: 1,
  logMib: 64,
  maxProcesses: 256,
}

export const isRoot = process.getuid?.() === 0

/** A folder for workers that is gone after the test, with what runs there. */
export function createWorkersFolder(): string {
  return mkdtempSync(join(tmpdir(), `clusters-local-${randomBytes(3).toString('hex')}-`))
}

export type Changes = Partial<Omit<LocalOptions, 'settings'>> & { settings?: Partial<LocalSettings> }

export function openLocal(folder: string, changes: Changes = {}): Promise<LocalLauncher> {
  return LocalLauncher.open({
    folder,
    clock: () => new Date(),
    programs: [],
    onChange: () => undefined,
    onWarning: message => {
      throw new Error(message)
    },
    watchSeconds: 1,
    ...changes,
    settings: { ...SETTINGS, ...changes.settings },
  })
}

/** Every process that has this worker's tag, or belongs to its group. */
export function findTagged(id: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const isZombie = readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        return !isZombie && variables.includes(`CLUSTER_WORKER_ID=${id}`)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Removes the folder, and the cgroups of its home; everything that runs there must have ended. */
export function removeWorkersFolder(folder: string): void {
  const home = readHome(folder)
  rmSync(folder, { recursive: true, force: true })
  if (home === undefined) return
  for (const path of findGroups(home)) {
    try {
      rmdirSync(path)
    } catch {
      // A test has failed before.
    }
  }
}

function readHome(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, 'home'), 'utf8').trim()
  } catch {
    return undefined
  }
}

function findGroups(home: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => / - cgroup2? /.test(line))
    .map(line => line.split(' ')[4] ?? '')
  return mounts.map(mount => join(mount, `clusters-${home}`))
}
