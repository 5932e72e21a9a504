import type { Cgroups } from './cgroups.ts'
import type { HeldLimits } from './probe.ts'

/** One sentence for the operator. */
export function describeLimits(held: HeldLimits, { version }: Cgroups): string {
  const missing = [
    ...(held.memory ? [] : ['memory']),
    ...(held.cpus ? [] : ['CPUs']),
    ...(held.processes ? [] : ['processes']),
  ]
  if (missing.length === 0)
    return `Workers are held to their memory, CPUs and processes (cgroup v${version}).`
  const what = missing.join(' and ')
  const verb = missing.length === 1 && missing[0] === 'memory' ? 'is' : 'are'
  const why =
    version === 0 ? 'this server can make no cgroup' : `cgroup v${version} does not hold a process to it here`
  const sentence = `${what} ${verb} not enforced: ${why}, so a worker may use more than it asked for.`
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}
