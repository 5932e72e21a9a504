import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { WorkerSpec } from './launcher.ts'
import { buildOrder, parseOrderSize, pickEnvironment, quote } from './order.ts'

const PATH = '/usr/bin:/bin'
const ACCOUNT = { name: 'ann', uid: 1000, gid: 1000, home: '/home/ann', shell: '/bin/sh' }

function specOf(command: readonly string[], environment: Readonly<Record<string, string>> = {}): WorkerSpec {
  return {
    ...{ id: 'w', clusterId: 1, role: 'worker', index: 0, size: { cpus: 0.5, memory: 2 } },
    ...{ runtime: 'command', lifetimeSeconds: null, files: {} },
    ...{ command, environment },
  }
}

function orderOf(...args: Parameters<typeof specOf>): string {
  return buildOrder(specOf(...args), { path: PATH, env: '/usr/bin/env', setsid: undefined })
}

function run(shell: readonly string[], order: string): { output: string; status: number | null } {
  const [program = '', ...args] = shell
  const options = { input: order, env: { PATH }, cwd: '/usr/bin', encoding: 'utf8' } as const
  const { stdout, status } = spawnSync(program, args, options)
  return { output: stdout, status }
}

const SHELLS = [['/bin/sh'], ['bash', '--posix'], ['bash']]
const text = fc
  .string({ unit: 'binary' })
  .filter(each => !each.includes('\0') && !/\p{Surrogate}/u.test(each))
const variableName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,10}$/)

test.each(SHELLS)('any argument and any variable reach the program as they are: %s %s', (...shell) => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1 }), fc.dictionary(variableName, text), (args, environment) => {
      const { PATH: _, ...variables } = environment
      expect(run(shell, orderOf(['printf', '%s\\0', ...args])).output).toBe(
        args.map(each => `${each}\0`).join(''),
      )
      const found = run(shell, orderOf(['env', '-0'], variables)).output.split('\0')
      expect(found).toEqual(
        expect.arrayContaining(Object.entries(variables).map(([key, value]) => `${key}=${value}`)),
      )
    }),
    { numRuns: 40 },
  )
})

test('only variables that shells use themselves are ever arguments of a program', () => {
  const order = orderOf(['true'], { SECRET: 'swordfish', IFS: 'x', LC_ALL: 'C', PATH: '/bin' })
  expect(order.split('\n').filter(line => line.startsWith('exec '))).toEqual([
    "exec '/usr/bin/env' '--' 'IFS=x' 'LC_ALL=C' 'true' </dev/null",
  ])
  expect(order).toContain("export SECRET='swordfish'\n")
})

const OWN_FOLDER = " (in the worker's own folder, which is empty at the start)"

test.each([
  ...['MAILGUN_API_KEY', 'HISTORY_TOKEN', 'BASHFUL', 'BASH_TOKEN', 'FUNCTION_KEY', 'COMP_TOKEN', 'EPOCH_KEY'],
  ...['PROMPT_TOKEN', 'READLINE_KEY', 'LC_TOKEN'],
])('a variable whose name only begins like that is not: %s', name => {
  const order = orderOf(['env', '-0'], { [name]: 'swordfish' })
  expect(order.match(/^exec .*swordfish/m)).toBeNull()
  for (const shell of SHELLS) expect(run(shell, order).output).toContain(`${name}=swordfish\0`)
})

test.each([
  [
    'a program that is not there',
    ['nope', 'x'],
    127,
    'clusters: the program nope was not found (PATH=/usr/bin:/bin)\n',
  ],
  ['nor by its path', ['/no/such'], 127, 'clusters: the program /no/such was not found\n'],
  ['what is not executable', ['/etc/passwd'], 126, 'clusters: the program /etc/passwd is not executable\n'],
  ['a folder', ['/etc'], 126, 'clusters: the program /etc is a folder\n'],
  [
    'nor below where it runs',
    ['./no/such'],
    127,
    `clusters: the program ./no/such was not found${OWN_FOLDER}\n`,
  ],
  ['a folder there', ['../../etc/'], 126, `clusters: the program ../../etc/ is a folder${OWN_FOLDER}\n`],
  [
    'a name that no file can have',
    ['x'.repeat(256)],
    127,
    `clusters: the program ${'x'.repeat(256)} was not found (PATH=/usr/bin:/bin)\n`,
  ],
  [
    'a name full of traps',
    ["$(x)'`y`"],
    127,
    "clusters: the program $(x)'`y` was not found (PATH=/usr/bin:/bin)\n",
  ],
  [
    'a word of the shell itself',
    ['if'],
    127,
    'clusters: the program if was not found (PATH=/usr/bin:/bin)\n',
  ],
  ['a name like an option', ['-x'], 127, 'clusters: the program -x was not found (PATH=/usr/bin:/bin)\n'],
])('says what cannot be run: %s', (_name, command, status, output) => {
  expect(run(['/bin/sh'], orderOf(command))).toEqual({ status, output })
})

test('an order is not much longer than what it is made of, and a line of it is read whole', () => {
  const path = `/a:${'/nowhere:'.repeat(7000)}${':'.repeat(1000)}/b`
  for (const program of ['x'.repeat(60_000), `./${'x'.repeat(60_000)}`, 'x']) {
    const order = orderOf([program], { PATH: path })
    expect(order.length).toBeLessThan(4 * (program.length + path.length))
    const { status, output } = run(['/bin/sh'], order)
    expect(status).toBe(127)
    expect(output.length).toBeLessThan(2000)
    expect(output).toContain(' was not found (')
  }
})

test('finds the program in a later place than a file and a folder of its name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'clusters-order-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true })
  })
  for (const place of ['one/true', 'two']) mkdirSync(join(folder, place), { recursive: true })
  writeFileSync(join(folder, 'two/true'), '')
  const places = (...last: string[]) => ({ PATH: [`${folder}/one`, `${folder}/two`, ...last].join(':') })
  expect(run(['/bin/sh'], orderOf(['true'], places('/bin'))).status).toBe(0)
  expect(run(['/bin/sh'], orderOf(['true'], places())).output).toMatch(/ is not executable \(/)
})

test('looks for the program where the worker does', () => {
  expect(run(['/bin/sh'], orderOf(['true'], { PATH: '/nowhere' })).status).toBe(127)
})

test('begins a session by itself when it is told to', () => {
  const order = buildOrder(specOf(['ps', '-o', 'pid=,sid=', '--pid', '1']), {
    ...{ path: PATH, env: '/usr/bin/env', setsid: '/usr/bin/setsid' },
  })
  expect(order).toContain("exec '/usr/bin/setsid' '--' 'ps' ")
})

test('says what the worker asked for, for whoever reads it later', () => {
  expect(parseOrderSize(orderOf(['true']).split('\n')[0] ?? '')).toEqual({ cpus: 0.5, memory: 2 })
  expect(parseOrderSize('exec true')).toBeUndefined()
})

test('quotes whatever it is', () => {
  expect(quote("it's")).toBe("'it'\\''s'")
})

test('passes on where programs are, language and time zone, and who it is', () => {
  const own = {
    PATH,
    LANG: 'C.UTF-8',
    LC_ALL: 'C',
    TZ: 'UTC',
    HOME: '/root',
    CLUSTERS_TOKEN: 'x',
    LD_PRELOAD: 'x',
  }
  expect(pickEnvironment(own, ACCOUNT)).toEqual({
    ...{ PATH, LANG: 'C.UTF-8', LC_ALL: 'C', TZ: 'UTC' },
    ...{ HOME: '/home/ann', USER: 'ann', LOGNAME: 'ann', SHELL: '/bin/sh' },
  })
  expect(pickEnvironment({}, ACCOUNT)['PATH']).toContain('/usr/bin')
})
