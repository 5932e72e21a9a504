import type { Offer } from '../../client/index.ts'

/** What has been typed for a new cluster. */
export interface Draft {
  readonly name: string
  readonly runtime: string
  readonly workers: string
  readonly cpus: string
  readonly memory: string
  readonly command: string
  readonly lifetimeHours: string
  readonly idleMinutes: string
}

/** What the server would refuse, by the fields of the API and with its own limits. */
export function findFaults(draft: Draft, { limits, largest_worker: largest, runtimes }: Offer) {
  const faults: Record<string, string[]> = {}
  const runtime = runtimes.find(({ name }) => name === draft.runtime)
  const check = (field: string, isRight: boolean, message: string) => {
    if (!isRight) faults[field] = [message]
  }
  check(
    'name',
    /^[A-Za-z0-9._-]{0,63}$/.test(draft.name.trim()),
    'may hold up to 63 letters, digits, dots, dashes and underscores',
  )
  check(
    'workers',
    /^\d+$/.test(draft.workers.trim()) && isBetween(draft.workers, limits.workers),
    `must be a whole number from 1 to ${limits.workers}`,
  )
  check('cpus', isBetween(draft.cpus, largest.cpus), `must be more than 0 and at most ${largest.cpus}`)
  check(
    'memory',
    isBetween(draft.memory, largest.memory),
    `must be more than 0 and at most ${largest.memory}`,
  )
  if (runtime?.takes_command === true)
    check('command', splitWords(draft.command).length > 0, 'must name a program')
  const isTime = (text: string, unit: number) =>
    text.trim() === '' || isBetween(text, limits.duration_seconds / unit)
  check('lifetime_seconds', isTime(draft.lifetimeHours, 3600), 'must be more than 0 and at most a year')
  check('idle_timeout_seconds', isTime(draft.idleMinutes, 60), 'must be more than 0 and at most a year')
  return faults
}

function isBetween(text: string, most: number): boolean {
  return text.trim() !== '' && Number(text) > 0 && Number(text) <= most
}

/** As a shell splits them, without the rest of a shell: quotes keep spaces in a word. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  for (const [, double, single, plain] of line.matchAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|(\S+)/g)) {
    words.push(double?.replaceAll(/\\(.)/g, '$1') ?? single ?? plain ?? '')
  }
  return words
}
