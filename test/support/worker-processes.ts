import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** A process of a worker of the engine local, found by what the kernel knows of it and not by what we record. */
export interface WorkerProcess {
  readonly pid: number
  readonly workerId: string
  readonly clusterId: number
  /** It leads its session, so it is what the keeper started. */
  readonly isLeader: boolean
}

/** All processes of workers whose folders are below this data folder, ended ones left out. */
export function listWorkerProcesses(dataDir: string): WorkerProcess[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => describeProcess(Number(name), join(dataDir, 'workers')) ?? [])
}

function describeProcess(pid: number, workersFolder: string): WorkerProcess | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const workerId = valueOf(environment, 'CLUSTER_WORKER_ID')
    const clusterId = valueOf(environment, 'CLUSTER_ID')
    if (workerId === undefined || clusterId === undefined) return undefined
    if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(workersFolder)) return undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z') return undefined
    return { pid, workerId, clusterId: Number(clusterId), isLeader: Number(session) === pid }
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

function valueOf(environment: readonly string[], name: string): string | undefined {
  return environment.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1)
}
