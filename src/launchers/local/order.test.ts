import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WorkerSpec } from '../launcher.ts'
import { buildOrder, parseOrderSize, pickEnvironment, quote } from './order.ts'

const PATH = '/usr/bin:/bin'
const ACCOUNT = { name: 'ann', uid: 1000, gid: 1000, home: '/home/ann', shell: '/bin/sh' }

function specOf(command: readonly string[], environment: Readonly<Record<string, string>> = {}): WorkerSpec {
  return {
    ...{ id: 'w', clusterId: 1, role: 'worker', index: 0, size: { cpus: 0.5, memory: 2 } },
    ...{ command, environment },
  }
}

function orderOf(...args: Parameters<typeof specOf>): string {
  return buildOrder(specOf(...args), { path: PATH, env: '/usr/bin/env', setsid: undefined })
}

function run(shell: readonly string[], order: string): { output: string; status: number | null } {
  const [program = '', ...args] = shell
  const { stdout, status } = spawnSync(program, args, { input: order, env: { PATH }, encoding: 'utf8' })
  return { output: stdout, status }
}

const SHELLS = [['/bin/sh'], ['bash', '--posix'], ['bash']]
const text = fc
  .string({ unit: 'binary' })
  .filter(each => !each.includes('\0') && !/\p{Surrogate}/u.test(each))
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,10}$/)

test.each(SHELLS)('any argument and any variable reach the program as they are: %s %s', (...shell) => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1 }), fc.dictionary(name, text), (args, environment) => {
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

test.each([
  [
    'a program that is not there',
    ['nope', 'x'],
    127,
    'clusters: the program nope was not found (PATH=/usr/bin:/bin)\n',
  ],
  ['nor by its path', ['/no/such'], 127, 'clusters: the program /no/such was not found\n'],
  ['what is not executable', ['/etc/passwd'], 126, 'clusters: the program /etc/passwd is not executable\n'],
  ['a folder', ['/etc'], 126, 'clusters: the program /etc is not executable\n'],
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
