import { mkdir, stat } from 'node:fs/promises'
import { OperatorError } from '../../domain/errors.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import { getOwnAccount } from '../account.ts'
import { pickEnvironment } from '../order.ts'
import { parseNodes, type Node } from './nodes.ts'
import { Places } from './places.ts'
import { listPartitions, type SlurmSettings } from './settings.ts'
import { Slurm, SlurmError } from './slurm.ts'
import { sinfo } from './commands.ts'

/** What a launcher stands on. */
export interface Ground {
  readonly slurm: Slurm
  readonly places: Places
  readonly homeId: string
  /** Whose jobs they are. */
  readonly user: string
  /** PATH of the workers. */
  readonly path: string
}

/** Rejects with an `OperatorError` of one sentence. A Slurm that does not answer now is no reason. */
export async function prepareGround({
  folder,
  settings,
  environment: own = process.env,
}: {
  readonly folder: string
  readonly settings: SlurmSettings
  readonly environment?: Readonly<Record<string, string | undefined>>
}): Promise<Ground> {
  const account = getOwnAccount()
  const environment = pickEnvironment(own, account)
  const slurmConf = own['SLURM_CONF']
  const slurm = new Slurm(
    slurmConf === undefined || slurmConf === '' ? environment : { ...environment, SLURM_CONF: slurmConf },
  )
  await checkSlurm(slurm, settings)
  await checkFolder(folder)
  const { places, homeId } = await Places.open(folder).catch((error: unknown) => {
    throw new OperatorError(
      `CLUSTERS_SLURM_FOLDER is ${folder}, which cannot be written (${errorCodeOf(error)}).`,
    )
  })
  return { slurm, places, homeId, user: account.name, path: environment['PATH'] ?? '' }
}

async function checkSlurm(slurm: Slurm, settings: SlurmSettings): Promise<void> {
  try {
    refuseUnknownPartitions(parseNodes(await slurm.run(sinfo())), listPartitions(settings))
  } catch (error) {
    if (!(error instanceof SlurmError)) throw error
    if (error.isMissing) throw new OperatorError(`CLUSTERS_ENGINE is slurm, but ${error.message}.`)
  }
}

/** Throws an `OperatorError`. */
export function refuseUnknownPartitions(
  nodes: readonly Node[],
  partitions: readonly (string | undefined)[],
): void {
  const known = new Set(nodes.flatMap(node => node.partitions))
  const unknown = partitions.flatMap(each => each?.split(',') ?? []).find(name => !known.has(name))
  if (unknown === undefined) return
  throw new OperatorError(
    `CLUSTERS_SLURM_PARTITION or a runtime of slurm_runtimes names ${unknown}, which this Slurm has not; it has ${[...known].toSorted().join(', ')}.`,
  )
}

/** Whoever else could write there could have anything run as this user. */
async function checkFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new OperatorError(
      `CLUSTERS_SLURM_FOLDER is ${folder}, which cannot be made (${errorCodeOf(error)}).`,
    )
  }
  const { uid, mode } = await stat(folder)
  if (uid !== process.getuid?.()) {
    throw new OperatorError(`CLUSTERS_SLURM_FOLDER is ${folder}, which belongs to another user.`)
  }
  if ((mode & 0o022) !== 0) {
    throw new OperatorError(
      `CLUSTERS_SLURM_FOLDER is ${folder}, which others can write: whoever can has programs run as this user. chmod go-w it.`,
    )
  }
}
