import { renameSync } from 'node:fs'
import { chmod, readdir, rm } from 'node:fs/promises'
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

/**
 * Deletes the folders that are hidden, and where working folders are elsewhere, what is there of workers that are
 * gone. Rejects with the first failure, after all the others.
 */
export async function deleteHiddenFolders(folder: string, workRoot: string | undefined): Promise<void> {
  const names = await readdir(folder)
  const hidden = names.filter(
    name => name.startsWith(REMOVED_PREFIX) && isWorkerId(name.slice(REMOVED_PREFIX.length)),
  )
  const orphans =
    workRoot === undefined ? [] : (await readdir(workRoot)).filter(name => !names.includes(name))
  const failures: unknown[] = []
  for (const path of [
    ...orphans.map(name => join(workRoot ?? '', name)),
    ...hidden.map(name => join(folder, name)),
  ]) {
    try {
      await deleteTree(path)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** Also what a worker has made read-only. Follows no link. */
async function deleteTree(path: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }
  try {
    await rm(path, options)
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes(errorCodeOf(error))) throw error
    await openFolders(path)
    await rm(path, options)
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(path, entry.name))
  }
}
