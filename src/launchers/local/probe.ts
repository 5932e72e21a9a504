import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroups, Limits } from './cgroups.ts'
import type { Controller } from './hierarchies.ts'

/** Which limits really hold a process here. A file that takes a number is no proof of it. */
export interface HeldLimits {
  readonly memory: boolean
  readonly cpus: boolean
  readonly processes: boolean
}

/** Tries each limit on a process of its own, all at once. Takes some 100 ms. */
export async function probeLimits(cgroups: Cgroups): Promise<HeldLimits> {
  const has = (controller: Controller) => cgroups.controllers.includes(controller)
  const [memory, cpus, processes] = await Promise.all([
    has('memory') && probe(cgroups, 'memory', { memory: 12 / 1024 }, TAKE_64_MIB, diesForMemory),
    has('cpu') && probe(cgroups, 'cpu', { cpus: 0.1 }, RUN_FOR_EVER, group => isThrottled(cgroups, group)),
    has('pids') && probe(cgroups, 'pids', { processes: 1 }, FORK, cannotFork),
  ])
  return { memory, cpus, processes }
}

const TAKE_64_MIB = 'x=0123456789abcdef; i=0; while [ $i -lt 22 ]; do x=$x$x; i=$((i+1)); done'
const RUN_FOR_EVER = 'while :; do :; done'
const FORK = '(exit 0) 2>/dev/null && exit 9; exit 3'
const COULD_NOT_ENTER = 8
const HAS_FORKED = 9

const PROBE_TIMEOUT_MS = 5000
/** A server that is killed meanwhile ends no probe. */
const CPU_SECONDS = 2

interface ProbeEnd {
  readonly code: number | null
  readonly signal: string | null
}
type Judge = (group: string, end: Promise<ProbeEnd>) => Promise<boolean>

async function probe(cgroups: Cgroups, name: string, limits: Limits, script: string, judge: Judge) {
  const group = `probe-${name}-${process.pid}`
  try {
    await cgroups.create(group, limits)
    const enter = cgroups.folders.map(folder => `printf 0 >'${folder}/${group}/cgroup.procs'`).join(' && ')
    const child = spawn(
      '/bin/sh',
      ['-c', `ulimit -t ${CPU_SECONDS}; { ${enter}; } 2>/dev/null || exit ${COULD_NOT_ENTER}; ${script}`],
      {
        stdio: 'ignore',
        env: {},
        timeout: PROBE_TIMEOUT_MS,
        killSignal: 'SIGTERM',
      },
    )
    const end = once(child, 'exit').then((): ProbeEnd => ({ code: child.exitCode, signal: child.signalCode }))
    const isHeld = await judge(group, end)
    child.kill('SIGKILL')
    await end
    return isHeld
  } catch {
    return false
  } finally {
    cgroups.kill(group)
    for (let tries = 0; !cgroups.remove(group) && tries < 50; tries += 1) await sleep(10)
  }
}

/** No worker's id has a dash in it. */
const GROUP = /^probe-\w+-(\d+)$/

/** What a server left that was killed while it probed. Others of this home may be probing now. */
export function clearProbes(cgroups: Cgroups): void {
  for (const name of cgroups.listIds()) {
    const pid = GROUP.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    cgroups.kill(name)
    cgroups.remove(name)
  }
}

const diesForMemory: Judge = async (_group, end) => (await end).signal === 'SIGKILL'

const cannotFork: Judge = async (_group, end) => {
  const { code } = await end
  return code !== null && code !== COULD_NOT_ENTER && code !== HAS_FORKED
}

async function isThrottled(cgroups: Cgroups, group: string): Promise<boolean> {
  const folder = cgroups.folderOf('cpu') ?? ''
  for (let waitedMs = 0; waitedMs < PROBE_TIMEOUT_MS; waitedMs += 20) {
    await sleep(20)
    if (/^nr_throttled [1-9]/m.test(readFileSync(join(folder, group, 'cpu.stat'), 'utf8'))) return true
  }
  return false
}
