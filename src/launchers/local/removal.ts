import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, renameSync } from 'node:fs'
import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCodeOf } from '../../lib/error-code.ts'
import { isWorkerId, REMOVED_PREFIX } from './record.ts'

/** Takes a worker's folder out of sight at once; whoever lists folders sees it whole or not at all. */
export function hideFolder(folder: string, id: string): void {
  try {
    renameSync(join(folder, id), join(folder, `${REMOVED_PREFIX}${id}`))
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT') throw error
  }
}

/** Paths of more would not fit into the arguments of a program. */
const TREES_AT_ONCE = 64

export interface RemovalOptions {
  readonly folder: string
  /** Holds the working folders of workers of another user. */
  readonly workRoot: string | undefined
  /** Runs what follows as that user. */
  readonly asUser: readonly string[]
  /** The paths of these programs. */
  readonly rm: string
  readonly chmod: string
  readonly onWarning: (message: string) => void
}

/**
 * Deletes the folders that are hidden, and where working folders are elsewhere, what is there of workers that are
 * gone. Programs do it, beside everything else: a worker may leave millions of files, or deeper folders than a path
 * can name, and nobody is to wait for that.
 */
export class Removal {
  readonly #options: RemovalOptions
  #running: Promise<void> | undefined
  #child: ChildProcess | undefined
  #isAskedAgain = false
  #isClosed = false

  constructor(options: RemovalOptions) {
    this.#options = options
  }

  /** Does not wait. What cannot be deleted is tried again the next time. */
  begin(): void {
    if (this.#isClosed) return
    this.#isAskedAgain = this.#running !== undefined
    this.#running ??= this.#deleteAll().finally(() => {
      this.#running = undefined
      if (this.#isAskedAgain) this.begin()
    })
  }

  /** The next server goes on with what is left. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#child?.kill()
    await this.#running
  }

  async #deleteAll(): Promise<void> {
    const { folder, workRoot, asUser, onWarning } = this.#options
    try {
      // In this order: a worker's own folder is made before its working folder.
      const working = workRoot === undefined ? [] : await readdir(workRoot)
      const names = await readdir(folder)
      const orphans = working.filter(name => !names.includes(name)).map(name => join(workRoot ?? '', name))
      // As the workers' user: others of that user may put links into it meanwhile, and root would follow them.
      const failures = await this.#deleteTrees(orphans, asUser)
      failures.push(
        ...(await this.#deleteTrees(
          names.filter(isHidden).map(name => join(folder, name)),
          [],
        )),
      )
      const [failure] = failures
      if (failure !== undefined) throw failure
    } catch (error) {
      // All of it was removed by another hand.
      if (this.#isClosed || !existsSync(folder)) return
      onWarning(
        `What ended workers left in ${folder} cannot be deleted (${errorCodeOf(error)}); the next end tries again.`,
      )
    }
  }

  /** Gives the failures, after all of it. */
  async #deleteTrees(paths: readonly string[], asUser: readonly string[]): Promise<Error[]> {
    const failures: Error[] = []
    for (let start = 0; start < paths.length; start += TREES_AT_ONCE) {
      failures.push(...(await this.#deleteSome(paths.slice(start, start + TREES_AT_ONCE), asUser)))
    }
    return failures
  }

  async #deleteSome(paths: readonly string[], asUser: readonly string[]): Promise<Error[]> {
    const { rm, chmod } = this.#options
    await this.#run([...asUser, rm, '-rf', '--', ...paths])
    const left = await removeEmptied(paths)
    if (left.size === 0) return []
    // A worker may make its folders read-only.
    await this.#run([...asUser, chmod, '-R', 'u+rwX', '--', ...left.keys()])
    await this.#run([...asUser, rm, '-rf', '--', ...left.keys()])
    return [...(await removeEmptied([...left.keys()])).values()]
  }

  /** Whether it succeeds shows in what is left. */
  async #run([program = '', ...args]: readonly string[]): Promise<void> {
    if (this.#isClosed) return
    // Other processes of the workers' user can read the environment.
    const child = spawn(program, args, { cwd: '/', env: {}, stdio: 'ignore' })
    this.#child = child
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => {
        resolve()
      })
      child.once('error', reject)
    })
    this.#child = undefined
  }
}

function isHidden(name: string): boolean {
  return name.startsWith(REMOVED_PREFIX) && isWorkerId(name.slice(REMOVED_PREFIX.length))
}

/** The folders themselves, which the workers' user may not. Gives those that are still there, and why. */
async function removeEmptied(paths: readonly string[]): Promise<Map<string, Error>> {
  const left = new Map<string, Error>()
  for (const path of paths) {
    try {
      await rmdir(path)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (errorCodeOf(error) !== 'ENOENT') left.set(path, error)
    }
  }
  return left
}
