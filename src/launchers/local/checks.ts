import { constants } from 'node:fs'
import { access, chmod, link, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from 'node:process'
import { OperatorError } from '../../domain/errors.ts'
import { errorCodeOf } from '../../lib/error-code.ts'
import { randomText } from '../../lib/id.ts'
import { findAccount, getOwnAccount, type Account } from '../account.ts'
import { prepareNever } from './record.ts'

/** What must be there before workers can run here; each failure is one sentence for the operator. */

export interface Ground {
  readonly homeId: string
  /** Whose processes workers are. */
  readonly account: Account
  /**
   * Holds the working folders of workers that are of another user than we are: nothing below our own folder can be
   * reached by anybody else. `undefined`: they are of our own, and work in their own folders.
   */
  readonly workRoot: string | undefined
  /** Runs what follows as that user; empty where that is us. */
  readonly asUser: readonly string[]
  /** The paths of programs. */
  readonly shell: string
  readonly setsid: string
  readonly env: string
  readonly rm: string
  readonly chmod: string
}

const SHELL = '/bin/sh'

export async function prepareGround(folder: string, user: string | undefined): Promise<Ground> {
  if (platform !== 'linux') {
    throw new OperatorError(
      'CLUSTERS_ENGINE is local, which needs Linux: set CLUSTERS_ENGINE to another engine.',
    )
  }
  const homeId = await prepareFolder(folder)
  if (!(await canRun(SHELL))) throw new OperatorError(`The engine local needs ${SHELL}, which is not here.`)
  const [setsid, env] = [await demandProgram('setsid'), await demandProgram('env')]
  const programs = {
    shell: SHELL,
    setsid,
    env,
    rm: await demandProgram('rm'),
    chmod: await demandProgram('chmod'),
  }
  if (user === undefined)
    return { homeId, account: getOwnAccount(), workRoot: undefined, asUser: [], ...programs }
  const account = await demandAccount(user)
  const setpriv = await demandProgram('setpriv')
  const drop = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--inh-caps=-all']
  const workRoot = await prepareWorkRoot(homeId)
  return { homeId, account, workRoot, asUser: [setpriv, ...drop, '--no-new-privs', '--'], ...programs }
}

async function demandAccount(user: string): Promise<Account> {
  const account = await findAccount(user)
  if (account === undefined) {
    throw new OperatorError(`CLUSTERS_LOCAL_USER is ${user}, which is no user of this machine.`)
  }
  if (process.getuid?.() !== 0) {
    throw new OperatorError(
      `CLUSTERS_LOCAL_USER is ${user}, but only root can start workers as another user: run the server as root, or leave it out.`,
    )
  }
  return account
}

/** Gives the id of the home, which is made once. */
async function prepareFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    prepareNever(folder)
    return await getHomeId(folder)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(
      `The folder of the workers, ${folder}, cannot be written (${errorCodeOf(error)}): mend it, or set CLUSTERS_DATA_DIR.`,
    )
  }
}

/** Can be passed through, but not read, by others; each folder in it is for its worker's user alone. */
async function prepareWorkRoot(homeId: string): Promise<string> {
  const path = join('/var/tmp', `clusters-${homeId}`)
  try {
    await mkdir(path).catch((error: unknown) => {
      if (errorCodeOf(error) !== 'EEXIST') throw error
    })
    const stats = await lstat(path)
    if (!stats.isDirectory() || stats.uid !== process.getuid?.()) {
      throw new OperatorError(`${path} is not a folder of this server: delete it.`)
    }
    await chmod(path, 0o711)
    return path
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(
      `The working folders of CLUSTERS_LOCAL_USER, ${path}, cannot be written (${errorCodeOf(error)}): mend /var/tmp.`,
    )
  }
}

async function getHomeId(folder: string): Promise<string> {
  const path = join(folder, 'home')
  const draft = `${path}.${randomText(6)}`
  try {
    await writeFile(draft, `${newHomeId()}\n`, { mode: 0o600, flag: 'wx' })
    // Two that start at once agree on the one that was first.
    await link(draft, path)
  } catch (error) {
    if (errorCodeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  const id = (await readFile(path, 'utf8')).trim()
  if (/^[a-z0-9]{8,64}$/.test(id)) return id
  throw new OperatorError(`${path} does not hold the id of a home: delete it if no worker runs any more.`)
}

function newHomeId(): string {
  return randomText(24)
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
    .slice(0, 16)
    .padEnd(16, '0')
}

async function demandProgram(name: string): Promise<string> {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/bin', '/usr/local/bin']
  for (const folder of folders) {
    // It goes into a line that a shell splits at spaces.
    const path = join(folder, name)
    if (path.startsWith('/') && !/[\s'"\\$`*?[]/.test(path) && (await canRun(path))) return path
  }
  throw new OperatorError(
    `The engine local needs the program ${name} (of coreutils or util-linux), which is not here.`,
  )
}

async function canRun(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
