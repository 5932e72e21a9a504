import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { createFolder, runCommand, type Ended } from './spawn.ts'

/**
 * A script of commands, as users type them:
 *
 *     alice> create -c 2 --wait        runs `clusters create -c 2 --wait` as alice; it must end with 0
 *     stdout ^\d+$                     what it says on a stream matches; each output that is not named is not looked at
 *     stderr ! error                   or does not
 *     exit 3                           it must end with that instead
 *     let ID stdout ^(\d+)             keeps what matched, for $ID
 *     input text                       before a command: its standard input
 *
 * `nobody` is not logged in.
 */
interface Step {
  readonly line: number
  readonly user: string
  readonly args: readonly string[]
  readonly input: string
  readonly checks: string[]
}

function parseScript(text: string): Step[] {
  const steps: Step[] = []
  let input = ''
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, user, command] = /^(\w+)> ?(.*)$/.exec(line) ?? []
    if (user !== undefined) {
      steps.push({ line: index + 1, user, args: splitWords(command ?? ''), input, checks: [] })
      input = ''
    } else if (line.startsWith('input ')) input = `${line.slice(6)}\n`
    else steps.at(-1)?.checks.push(line.trim())
  }
  return steps
}

/** As a shell does: quotes keep spaces in a word. */
function splitWords(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** Runs a script; `users` are logged in by their tokens. */
export async function runScript(
  path: string,
  options: {
    url: string
    users: Readonly<Record<string, string>>
    settings?: Readonly<Record<string, string>>
  },
): Promise<void> {
  const homes = new Map<string, string>()
  const values = new Map<string, string>([['URL', options.url]])
  for (const step of parseScript(readFileSync(path, 'utf8'))) {
    const home = homes.get(step.user) ?? createFolder()
    homes.set(step.user, home)
    const fill = (text: string) =>
      text.replaceAll(/\$([A-Z]+)\b/g, (whole, name: string) => values.get(name) ?? whole)
    const token = options.users[step.user]
    const ended = await runCommand(
      step.args.map(fill),
      {
        HOME: home,
        CLUSTERS_URL: options.url,
        TZ: 'UTC',
        ...(token === undefined ? {} : { CLUSTERS_TOKEN: token }),
        ...options.settings,
      },
      step.input,
    )
    check(step, ended, {
      fill,
      values,
      where: `${path}:${step.line} clusters ${step.args.map(fill).join(' ')}`,
    })
  }
}

function check(
  step: Step,
  ended: Ended,
  { fill, values, where }: { fill: (text: string) => string; values: Map<string, string>; where: string },
): void {
  const said = `${where}\n--- stdout\n${ended.stdout}--- stderr\n${ended.stderr}`
  const exit = step.checks.find(line => line.startsWith('exit '))
  expect(ended.code, `exit code of ${said}`).toBe(exit === undefined ? 0 : Number(exit.slice(5)))
  for (const line of step.checks) {
    const [, name, stream, not, pattern = ''] =
      /^(?:let ([A-Z]+) )?(stdout|stderr) (! )?(.*)$/.exec(line) ?? []
    if (stream === undefined) {
      if (line !== exit) throw new Error(`${where}: ${line} is no check`)
      continue
    }
    const output = stream === 'stdout' ? ended.stdout : ended.stderr
    const found = new RegExp(fill(pattern), 'm').exec(output)
    expect(found !== null, `${line} in ${said}`).toBe(not === undefined)
    if (name !== undefined) values.set(name, found?.[1] ?? found?.[0] ?? '')
  }
}

export function scriptsFolder(): string {
  return join(import.meta.dirname, '..', 'cli', 'scripts')
}
