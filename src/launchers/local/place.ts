import { rmdirSync, rmSync } from 'node:fs'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkerId } from '../../domain/worker.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import type { LaunchOutcome, WorkerSpec } from '../launcher.ts'
import type { Account } from '../account.ts'
import type { Cgroups } from './cgroups.ts'
import { buildOrder, type OrderOptions } from '../order.ts'
import { FILES } from './record.ts'

export interface PlaceOptions {
  readonly folder: string
  readonly cgroups: Cgroups
  /** Most processes of one worker. */
  readonly processes: number
  /** Whose processes workers are. */
  readonly account: Account
  /** Holds the working folders, when that is another user. */
  readonly workRoot: string | undefined
  readonly order: OrderOptions
}

type Refusal = Extract<LaunchOutcome, { kind: 'refused' }>

/** Makes a worker's folder, its order and its groups. `exists`: it was launched before. */
export async function preparePlace(
  worker: WorkerSpec,
  options: PlaceOptions,
): Promise<'ready' | 'exists' | Refusal> {
  const { folder, cgroups, processes } = options
  try {
    await mkdir(join(folder, worker.id), { mode: 0o700 })
  } catch (error) {
    return errorCodeOf(error) === 'EEXIST' ? 'exists' : refuseWriting(folder, error)
  }
  // Two parts of the kernel, which need not wait for each other.
  const [order, groups] = await Promise.allSettled([
    writeOrder(worker, options),
    cgroups.create(worker.id, { ...worker.size, processes }),
  ])
  if (order.status === 'fulfilled' && groups.status === 'fulfilled') return 'ready'
  removePlace(worker.id, options)
  if (order.status === 'rejected') return refuseWriting(folder, order.reason)
  const why: unknown = groups.status === 'rejected' ? groups.reason : undefined
  return refuse('The cgroup that would hold the worker to what it asked for cannot be made', why)
}

async function writeOrder(worker: WorkerSpec, options: PlaceOptions): Promise<void> {
  const { folder, account, workRoot, order } = options
  const place = join(folder, worker.id)
  const work = workRoot === undefined ? join(place, FILES.work) : join(workRoot, worker.id)
  await mkdir(work, { mode: 0o700 })
  if (workRoot !== undefined) await chown(work, account.uid, account.gid)
  for (const [name, text] of Object.entries(worker.files)) {
    await writeFile(join(work, name), text, { mode: 0o600 })
    if (workRoot !== undefined) await chown(join(work, name), account.uid, account.gid)
  }
  await writeFile(join(place, FILES.order), buildOrder(worker, order), { mode: 0o600 })
}

/** Of a worker that has not begun. */
export function removePlace(id: WorkerId, { folder, cgroups, workRoot }: PlaceOptions): void {
  cgroups.remove(id)
  if (workRoot !== undefined) tryRemoveEmpty(join(workRoot, id))
  rmSync(join(folder, id), { recursive: true, force: true })
}

function tryRemoveEmpty(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // It was not made yet; or what has come into it goes with what ended workers have left.
  }
}

function refuseWriting(folder: string, error: unknown): Refusal {
  const code = errorCodeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return { kind: 'refused', message: `The folder ${folder} is full (${code}): free space there.` }
  }
  if (code === 'EROFS') {
    return {
      kind: 'refused',
      message: `The folder ${folder} is read-only (${code}): mount it to be written.`,
    }
  }
  return refuse(`The folder ${folder} cannot be written`, error)
}

export function refuse(what: string, error: unknown): Refusal {
  return { kind: 'refused', message: `${what} (${errorCodeOf(error)}).` }
}
