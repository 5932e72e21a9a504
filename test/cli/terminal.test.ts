import { expect, test } from 'vitest'
import { terminal, type } from '../support/pseudo-terminal.ts'
import { createFolder, runCommand } from '../support/spawn.ts'

const PASSWORD = 'correct horse battery'

async function countUsers(settings: Record<string, string>): Promise<number> {
  const { stdout } = await runCommand(['user', 'list', '--json'], settings)
  return (JSON.parse(stdout) as unknown[]).length
}

test.skipIf(terminal === undefined)(
  'on a terminal the password is asked for twice and never shown (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    const { code, shown } = await type(['user', 'add', 'ada'], settings, [
      ['Password for ada: ', `${PASSWORD}\r`],
      ['The same again: ', `${PASSWORD}\r`],
    ])
    expect(code).toBe(0)
    expect(shown).toContain('Added ada.')
    expect(shown).not.toContain('correct')
    expect(await countUsers(settings)).toBe(1)
  },
)

test.skipIf(terminal === undefined)(
  'two passwords that differ are refused, and nothing is added (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    const { code, shown } = await type(['user', 'add', 'ada'], settings, [
      ['Password for ada: ', `${PASSWORD}\r`],
      ['The same again: ', 'correct horse batery\r'],
    ])
    expect(code).toBe(1)
    expect(shown).toContain('The two passwords differ.')
    expect(shown).not.toContain('correct')
    expect(await countUsers(settings)).toBe(0)
  },
)

test.skipIf(terminal === undefined).each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s at the question changes nothing and ends with 1 (needs script or python3)', async (_name, key) => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  await runCommand(['user', 'list'], settings)
  const { code, shown } = await type(['user', 'add', 'ada'], settings, [['Password for ada: ', key]])
  expect(shown).toContain('Nothing was changed.')
  expect(code).toBe(1)
  expect(await countUsers(settings)).toBe(0)
})

test.skipIf(terminal === undefined)(
  'passwd asks only after it has found the user (needs script or python3)',
  async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder() }
    await runCommand(['user', 'list'], settings)
    const { code, shown } = await type(['user', 'passwd', 'ada'], settings, [])
    expect(code).toBe(1)
    expect(shown).toContain('There is no user ada.')
    expect(shown).not.toContain('Password')
  },
)
