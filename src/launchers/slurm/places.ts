import { link, mkdir, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import { randomId } from '../../lib/id.ts'
import { readStart } from '../output.ts'
import { quote } from '../order.ts'

/**
 * The launcher's folder on the file system that all nodes share. A worker's place in it carries the name of its job in
 * its own, so that a look at the folder tells whose job is whose. Everything waits here: a file server may be slow.
 */

/** Where one worker has its files. Its name holds the rest. */
export interface Place {
  readonly name: string
  readonly batch: string
  readonly task: number
  readonly id: WorkerId
}

export function placeOf(batch: string, task: number, id: WorkerId): Place {
  return { name: `${batch}.${task}.${id}`, batch, task, id }
}

function parsePlace(name: string): Place | undefined {
  const [, batch, task, id] = /^([a-z0-9]+)\.(\d{1,9})\.([a-z0-9]{1,64})$/.exec(name) ?? []
  if (batch === undefined || task === undefined || id === undefined) return undefined
  return { name, batch, task: Number(task), id }
}

/** How far a worker is by its place alone. */
export type PlaceState = 'ordered' | 'taken' | 'ended' | 'withdrawn' | 'absent'

const FOLDERS = { workers: 'workers', news: 'news', removed: 'removed' } as const
const FILES = { order: 'order', taken: 'taken', ended: 'ended', output: 'output', work: 'work' } as const
export class Places {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes what is missing, and gives the installation's id that stands there. Rejects with the file system's error. */
  static async open(folder: string): Promise<{ places: Places; homeId: string }> {
    const places = new Places(folder)
    for (const each of Object.values(FOLDERS)) {
      await mkdir(join(folder, each), { recursive: true, mode: 0o700 })
    }
    const homeId = await places.#readHome()
    return { places, homeId }
  }

  /** Two servers may begin at once: only the first one's id stands, and it stands whole. */
  async #readHome(): Promise<string> {
    const path = join(this.#folder, 'home')
    const draft = join(this.#folder, `home.${randomId()}`)
    await writeFile(draft, `${randomId().slice(0, 10)}\n`, { mode: 0o600 })
    await link(draft, path).catch((error: unknown) => {
      if (errorCodeOf(error) !== 'EEXIST') throw error
    })
    await unlink(draft)
    return (await readStart(path, 64)).trim()
  }

  get folder(): string {
    return this.#folder
  }

  /** What stands before the text of job.sh. */
  scriptHead(batch: string): string {
    return `#!/bin/sh\nfolder=${quote(this.#folder)} batch=${quote(batch)}\n`
  }

  async list(): Promise<Place[]> {
    const names = await readdir(join(this.#folder, FOLDERS.workers))
    return names.flatMap(name => parsePlace(name) ?? [])
  }

  /** `files` by name, in the folder where it begins. It must be whole before its job is submitted. */
  async create(place: Place, order: string, files: Readonly<Record<string, string>>): Promise<void> {
    const work = this.#path(place, FILES.work)
    await mkdir(this.#path(place), { mode: 0o700 })
    await mkdir(work, { mode: 0o700 })
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(work, name), text, { mode: 0o600 })
    }
    // Whoever follows it must not come before it.
    await writeFile(this.#path(place, FILES.output), '', { mode: 0o600 })
    await writeFile(this.#path(place, FILES.order), order, { mode: 0o600 })
  }

  async look(place: Place): Promise<PlaceState> {
    let names: string[]
    try {
      // Not a look for one file: what was not there once may not be there for long, as a network file system sees it.
      names = await readdir(this.#path(place))
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') return 'absent'
      throw error
    }
    if (names.includes(FILES.ended)) return 'ended'
    if (!names.includes(FILES.taken)) return 'ordered'
    return names.includes(FILES.order) ? 'taken' : 'withdrawn'
  }

  /** Whether it is sure now that its job, should there ever be one, runs nothing. */
  async withdraw(place: Place): Promise<boolean> {
    try {
      await writeFile(this.#path(place, FILES.taken), '', { mode: 0o600, flag: 'wx' })
    } catch (error) {
      if (['EEXIST', 'ENOENT'].includes(errorCodeOf(error))) return false
      throw error
    }
    // Before anything else of it goes: a job that is in this folder already could make `taken` once that is gone.
    await rm(this.#path(place, FILES.order), { force: true })
    return true
  }

  outputPath(place: Place): string {
    return this.#path(place, FILES.output)
  }

  /** The first bytes of a file in its place; empty when it is not there. */
  async readFile(place: Place, file: 'ended' | 'order' | 'output'): Promise<string> {
    return await readStart(this.#path(place, FILES[file]), 4096)
  }

  /** When a file in its place was written last, by the file server's clock; `undefined` when it is not there. */
  async readTime(place: Place, file: 'ended' | 'taken'): Promise<Date | undefined> {
    try {
      return (await stat(this.#path(place, FILES[file]))).mtime
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** From here on the worker is not listed any more; what it has left goes when the file system lets it. */
  async remove(place: Place): Promise<void> {
    const removed = join(this.#folder, FOLDERS.removed, place.name)
    try {
      await rename(this.#path(place), removed)
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') throw error
      return
    }
    await rm(removed, { recursive: true, force: true }).catch(() => undefined)
  }

  /** What could not be removed before. */
  async sweep(): Promise<void> {
    const removed = join(this.#folder, FOLDERS.removed)
    for (const name of await readdir(removed)) {
      await rm(join(removed, name), { recursive: true, force: true }).catch(() => undefined)
    }
  }

  /** Names of files that jobs have put there since they were cleared last. */
  async listNews(): Promise<string[]> {
    return await readdir(join(this.#folder, FOLDERS.news))
  }

  async clearNews(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(name => unlink(join(this.#folder, FOLDERS.news, name)).catch(() => undefined)),
    )
  }

  /** Where jobs look up how their own node is reached. */
  async writeNodes(text: string): Promise<void> {
    const draft = join(this.#folder, `nodes.${randomId()}`)
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, join(this.#folder, 'nodes'))
  }

  #path(place: Place, file = ''): string {
    return join(this.#folder, FOLDERS.workers, place.name, file)
  }
}
