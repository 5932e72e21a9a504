import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObservedUse, Size } from '../launcher.ts'
import { findHierarchies, type Controller, type Hierarchy } from './hierarchies.ts'

/** What a group is held to. `undefined`: not. */
export interface Limits extends Partial<Size> {
  readonly processes?: number
}

/** One folder of ours in one tree of groups; below it one group for each worker. */
interface Base {
  readonly folder: string
  readonly controllers: readonly Controller[]
}

const GIB = 1024 ** 3
const OWN_GROUPS = '/proc/self/cgroup'
const PROCESSES = 'cgroup.procs'
/** So long the next process does not wait, at least. */
const AWAKE_MS = 10
const PERIOD_US = 100_000
/** The kernel takes no less. */
const LEAST_QUOTA_US = 1000
const V2_CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'pids']

/**
 * The groups of processes by which the kernel holds workers to what they asked for, and tells which processes are
 * theirs. Their files are made on reading, so they are read and written at once: no disk waits.
 */
export class Cgroups {
  /** 0: there are none. */
  readonly version: 0 | 1 | 2
  readonly #bases: readonly Base[]
  readonly #mountInfo: string
  #isRousing = false

  private constructor(version: 0 | 1 | 2, bases: readonly Base[], mountInfo: string) {
    this.version = bases.length === 0 ? 0 : version
    this.#bases = bases
    this.#mountInfo = mountInfo
  }

  /** Ours below the first place where they can be made; none where there is none. */
  static open(homeId: string, mountInfo = readOr('/proc/self/mountinfo', '')): Cgroups {
    const name = `clusters-${homeId}`
    const hierarchies = findHierarchies(mountInfo, readOr(OWN_GROUPS, ''))
    const first = hierarchies.filter(({ version }) => version === 1).flatMap(each => findBase(each, name))
    if (first.length > 0) return new Cgroups(1, first, mountInfo)
    return new Cgroups(
      2,
      hierarchies.filter(({ version }) => version === 2).flatMap(each => findBase(each, name)),
      mountInfo,
    )
  }

  /** As on a machine without them. */
  static none(): Cgroups {
    return new Cgroups(0, [], '')
  }

  get controllers(): readonly Controller[] {
    return this.#bases.flatMap(base => base.controllers)
  }

  /** The folders in which each worker has its group. */
  get folders(): readonly string[] {
    return this.#bases.map(base => base.folder)
  }

  /** The folder whose groups count this. */
  folderOf(controller: Controller): string | undefined {
    return this.#bases.find(base => base.controllers.includes(controller))?.folder
  }

  /**
   * A worker enters its groups at once, if that comes soon. The first process that enters any group after a while
   * waits 5 to 25 ms until every core has heard of it, so we enter the group where we are already.
   */
  rouse(): void {
    if (this.version === 0 || this.#isRousing) return
    this.#isRousing = true
    void this.#reenter().finally(() => {
      setTimeout(() => {
        this.#isRousing = false
      }, AWAKE_MS).unref()
    })
  }

  async #reenter(): Promise<void> {
    try {
      // Read each time: a service manager may have moved us.
      const [hierarchy] = findHierarchies(this.#mountInfo, await readFile(OWN_GROUPS, 'utf8'))
      if (hierarchy?.own !== undefined) await writeFile(join(hierarchy.own, PROCESSES), '0', { flag: 'r+' })
    } catch {
      // Not ours to write: the worker waits instead.
    }
  }

  /**
   * Rejects with the file system's error. Not at once: the kernel takes its time to make a group, and makes those of
   * other trees meanwhile.
   */
  async create(id: string, limits: Limits): Promise<void> {
    await Promise.all(this.#bases.map(base => this.#createIn(base, id, limits)))
  }

  async #createIn({ folder, controllers }: Base, id: string, limits: Limits): Promise<void> {
    // Another server of this home may have removed it when it closed.
    if (!existsSync(folder)) prepareBase(folder, this.version)
    const group = join(folder, id)
    await mkdir(group)
    for (const [file, value, isOptional] of this.#listSettings(controllers, limits)) {
      const path = join(group, file)
      if (!isOptional || existsSync(path)) await writeFile(path, value)
    }
  }

  #listSettings(controllers: readonly Controller[], limits: Limits): [string, string, boolean][] {
    const settings: [string, string, boolean][] = []
    const isFirst = this.version === 1
    if (controllers.includes('memory') && limits.memory !== undefined) {
      const bytes = String(Math.ceil(limits.memory * GIB))
      // Swap would soften the limit into slowness.
      if (isFirst) {
        settings.push(['memory.swappiness', '0', true], ['memory.limit_in_bytes', bytes, false])
        settings.push(['memory.memsw.limit_in_bytes', bytes, true])
      } else {
        settings.push(['memory.max', bytes, false], ['memory.swap.max', '0', true])
        settings.push(['memory.oom.group', '1', true])
      }
    }
    if (controllers.includes('cpu') && limits.cpus !== undefined) {
      const quota = Math.max(LEAST_QUOTA_US, Math.round(limits.cpus * PERIOD_US))
      if (isFirst) settings.push(['cpu.cfs_quota_us', String(quota), false])
      else settings.push(['cpu.max', `${quota} ${PERIOD_US}`, false])
    }
    if (controllers.includes('pids') && limits.processes !== undefined) {
      settings.push(['pids.max', String(limits.processes), false])
    }
    return settings
  }

  /** Every process of the worker, also in groups that it made itself. `undefined`: it has no group. */
  listPids(id: string): number[] | undefined {
    // A process is in the group of every tree: any tells all.
    const base = this.#bases[0]
    return base === undefined ? undefined : listGroupPids(join(base.folder, id))
  }

  /** All at once, so that nothing is begun between two kills. */
  kill(id: string): void {
    const whole = this.version === 2 ? this.#bases[0] : undefined
    if (whole !== undefined && tryWrite(join(whole.folder, id, 'cgroup.kill'), '1')) return
    const counted = this.folderOf('pids')
    if (counted !== undefined) tryWrite(join(counted, id, 'pids.max'), '0')
    for (const pid of this.listPids(id) ?? []) tryKill(pid)
  }

  /** Whether nothing is left of it. */
  remove(id: string): boolean {
    return this.#bases.map(({ folder }) => removeGroup(join(folder, id))).every(Boolean)
  }

  /** Of all its processes together, the ended ones too. */
  readUse(id: string): ObservedUse {
    const [memory, cpu] = [this.folderOf('memory'), this.folderOf(this.version === 1 ? 'cpuacct' : 'cpu')]
    const peakFile = this.version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak'
    return {
      memoryBytes: memory === undefined ? null : this.#readMemoryBytes(join(memory, id)),
      peakMemoryBytes: memory === undefined ? null : toNumber(readOr(join(memory, id, peakFile), '')),
      cpuSeconds: cpu === undefined ? null : this.#readCpuSeconds(join(cpu, id)),
    }
  }

  /** Without what was read from files and can be dropped at any time. */
  #readMemoryBytes(group: string): number | null {
    const [file, droppable] =
      this.version === 1
        ? ['memory.usage_in_bytes', /^total_inactive_file (\d+)/m]
        : ['memory.current', /^inactive_file (\d+)/m]
    const bytes = toNumber(readOr(join(group, file), ''))
    if (bytes === null) return null
    return Math.max(
      0,
      bytes - (toNumber(droppable.exec(readOr(join(group, 'memory.stat'), ''))?.[1] ?? '') ?? 0),
    )
  }

  #readCpuSeconds(group: string): number | null {
    if (this.version === 1) {
      const ns = toNumber(readOr(join(group, 'cpuacct.usage'), ''))
      return ns === null ? null : ns / 1e9
    }
    const us = toNumber(/^usage_usec (\d+)/m.exec(readOr(join(group, 'cpu.stat'), ''))?.[1] ?? '')
    return us === null ? null : us / 1e6
  }

  /** Lets go of our own folders where no worker is left. */
  close(): void {
    for (const { folder } of this.#bases) {
      try {
        rmdirSync(folder)
      } catch {
        // Workers go on in it.
      }
    }
  }

  /** Workers that have a group, whatever became of their folders. */
  listIds(): string[] {
    const ids = this.#bases.flatMap(({ folder }) => listSubgroups(folder))
    return [...new Set(ids)]
  }
}

function findBase({ version, controllers, candidates }: Hierarchy, name: string): Base[] {
  for (const candidate of candidates) {
    const folder = join(candidate, name)
    try {
      if (version === 2) for (const each of V2_CONTROLLERS) delegate(candidate, each)
      prepareBase(folder, version)
      if (version === 1) return [{ folder, controllers }]
      const here = readOr(join(folder, 'cgroup.subtree_control'), '').split(/\s+/)
      const able = V2_CONTROLLERS.filter(each => here.includes(each))
      // A tree without limits still tells whose a process is; a later place may have more to offer.
      if (able.length > 0 || candidate === candidates.at(-1)) return [{ folder, controllers: able }]
      rmdirSync(folder)
    } catch {
      // Read-only, or not ours: the next place.
    }
  }
  return []
}

function prepareBase(folder: string, version: 0 | 1 | 2): void {
  mkdirSync(folder, { recursive: true })
  if (version === 2) for (const each of V2_CONTROLLERS) delegate(folder, each)
}

/** Version 2: a group's children can be limited only by what the group hands on. */
function delegate(group: string, controller: Controller): void {
  tryWrite(join(group, 'cgroup.subtree_control'), `+${controller}`)
}

function listGroupPids(group: string): number[] | undefined {
  const text = readOr(join(group, PROCESSES), undefined)
  if (text === undefined) return undefined
  const pids = text.split('\n').filter(Boolean).map(Number)
  return [...pids, ...listSubgroups(group).flatMap(name => listGroupPids(join(group, name)) ?? [])]
}

function listSubgroups(group: string): string[] {
  try {
    return readdirSync(group, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
  } catch {
    return []
  }
}

function removeGroup(group: string): boolean {
  for (const name of listSubgroups(group)) removeGroup(join(group, name))
  try {
    rmdirSync(group)
  } catch {
    return !existsSync(group)
  }
  return true
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function tryWrite(path: string, value: string): boolean {
  try {
    // Never creates: a file that is not there is a kernel that cannot do it.
    writeFileSync(path, value, { flag: 'r+' })
    return true
  } catch {
    return false
  }
}

function readOr<Otherwise>(path: string, otherwise: Otherwise): string | Otherwise {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

function toNumber(text: string): number | null {
  return /^\d+\s*$/.test(text) ? Number(text) : null
}
