import { dirname, join } from 'node:path/posix'

/** Where this machine's cgroups are, from what /proc says of mounts and of ourselves. Pure. */

export type Controller = 'memory' | 'cpu' | 'cpuacct' | 'pids'
const CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'cpuacct', 'pids']

/** One tree of groups, and folders in it below which ours may be possible, the best first. */
export interface Hierarchy {
  readonly version: 1 | 2
  /** Version 1: what this tree can limit. Version 2 has one tree, and says itself what it can limit. */
  readonly controllers: readonly Controller[]
  readonly candidates: readonly string[]
  /** The group of this process, when it is in what is mounted. */
  readonly own: string | undefined
}

/** `mountInfo`: /proc/self/mountinfo. `ownGroups`: /proc/self/cgroup. */
export function findHierarchies(mountInfo: string, ownGroups: string): Hierarchy[] {
  const mounts = mountInfo.split('\n').flatMap(line => parseMount(line) ?? [])
  // A tree may be mounted in several places: a worker has one group in it.
  const trees = mounts.filter(
    ({ device }, index) => mounts.findIndex(each => each.device === device) === index,
  )
  return trees.flatMap(({ version, options, root, path }) => {
    const controllers = version === 2 ? [] : CONTROLLERS.filter(controller => options.includes(controller))
    if (version === 1 && controllers.length === 0) return []
    const inside = stripRoot(findOwnGroup(ownGroups, controllers), root)
    const own = inside === undefined ? undefined : join(path, inside)
    return [{ version, controllers, candidates: listCandidates(path, own), own }]
  })
}

interface Mount {
  readonly version: 1 | 2
  /** The same for each place where one tree is mounted. */
  readonly device: string
  readonly options: readonly string[]
  /** What of the tree is mounted: in a container perhaps only a part. */
  readonly root: string
  readonly path: string
}

function parseMount(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const [, , device, root, path] = before?.split(' ') ?? []
  const [type, , options] = after?.split(' ') ?? []
  if (device === undefined || root === undefined || path === undefined || options === undefined) {
    return undefined
  }
  // Nothing that we pass on to a shell has a space in it; the kernel writes one as \040.
  if (path.includes('\\')) return undefined
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined
  return { version: type === 'cgroup' ? 1 : 2, device, options: options.split(','), root, path }
}

/** The group of this process in the tree of these controllers (none: version 2). */
function findOwnGroup(ownGroups: string, controllers: readonly Controller[]): string | undefined {
  for (const line of ownGroups.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    const isIt =
      controllers.length === 0 ? names === '' : controllers.some(each => names.split(',').includes(each))
    if (isIt) return path
  }
  return undefined
}

function listCandidates(mountPath: string, own: string | undefined): string[] {
  // Beside ourselves rather than inside: what limits us need not limit the workers.
  const paths = own === undefined || own === mountPath ? [mountPath] : [mountPath, dirname(own), own]
  return [...new Set(paths)].filter(path => !/[\s\\]/.test(path))
}

/** Without a slash at its end. */
function stripRoot(path: string | undefined, root: string): string | undefined {
  if (path === undefined) return undefined
  if (path === root) return ''
  if (root === '/') return path
  return path.startsWith(`${root}/`) ? path.slice(root.length) : undefined
}
