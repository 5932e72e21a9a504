import { beforeEach, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { createFolder, logIn, logInAs, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

const PASSWORD = 'correct horse battery'

let settings: { CLUSTERS_DATA_DIR: string }

beforeEach(() => {
  settings = { CLUSTERS_DATA_DIR: createFolder() }
})

const user = (args: readonly string[], input?: string | Buffer) =>
  runCommand(['user', ...args], settings, input)
const refuse = (args: readonly string[], input?: string) => refuseCommand(['user', ...args], settings, input)

async function listUsers(): Promise<unknown> {
  return JSON.parse((await user(['list', '--json'])).stdout) as unknown
}

const NEW_DATABASE = /^Creating a new database, .*clusters\.db\.\n/

test('add takes the password from standard input, and says what it did on standard error alone', async () => {
  const first = await user(['add', 'ada'], `${PASSWORD}\n`)
  expect(first).toMatchObject({ code: 0, stdout: '' })
  expect(first.stderr).toMatch(NEW_DATABASE)
  expect(first.stderr.replace(NEW_DATABASE, '')).toBe('Added ada.\n')
  const second = await user(['add', 'grace', '--admin'], PASSWORD)
  expect(second).toMatchObject({ code: 0, stdout: '', stderr: 'Added grace, an administrator.\n' })
  expect(await listUsers()).toMatchObject([
    { id: 1, username: 'ada', is_administrator: false, disabled_at: null },
    { id: 2, username: 'grace', is_administrator: true, disabled_at: null },
  ])
})

test('list writes a table, or JSON with just these fields and never a password', async () => {
  await user(['add', 'ada'], `${PASSWORD}\n`)
  await user(['disable', 'ada'])
  const table = await user(['list'])
  expect(table).toMatchObject({ code: 0, stderr: '' })
  const [head, ada, ...rest] = table.stdout.trimEnd().split('\n')
  expect(head).toMatch(/^ID +NAME +ROLE +STATE +CREATED$/)
  expect(ada).toMatch(/^1 +ada +user +disabled +\d{4}-\d\d-\d\d$/)
  expect(rest).toEqual([])

  const json = await user(['list', '--json'])
  expect(json).toMatchObject({ code: 0, stderr: '' })
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown
  expect(JSON.parse(json.stdout)).toStrictEqual([
    { id: 1, username: 'ada', is_administrator: false, created_at: time, disabled_at: time },
  ])
})

test('list of nobody writes no data, and an empty array as JSON', async () => {
  expect(await user(['list'])).toMatchObject({ code: 0, stdout: '' })
  expect(await listUsers()).toEqual([])
})

test('a name that is taken is refused, and its password stays', async () => {
  await user(['add', 'ada'], `${PASSWORD}\n`)
  expect(await refuse(['add', 'ada'], 'another password\n')).toContain('There is a user ada already')
  const server = await spawnServer(settings)
  expect((await logIn(server.url, 'ada', PASSWORD)).status).toBe(200)
  await server.stop()
})

test('what cannot be a user name is refused in a sentence that shows no control characters', async () => {
  const wrong = ['', ' ada', 'ada ', 'a\nb', 'a\tb', 'a\u001b[31mb', 'x'.repeat(151)]
  const sentences = await Promise.all(wrong.map(name => refuse(['add', '--', name], `${PASSWORD}\n`)))
  for (const sentence of sentences) expect(sentence).toContain('A user name must')
  expect((await user(['add', '--', 'x'.repeat(150)], `${PASSWORD}\n`)).code).toBe(0)
  expect((await user(['add', '--', 'Ada Lovelace-Ω@example.org'], `${PASSWORD}\n`)).code).toBe(0)
})

test('a user who is not there is named', async () => {
  await user(['list'])
  for (const command of ['disable', 'enable', 'passwd']) {
    expect(await refuse([command, 'nobody'], `${PASSWORD}\n`)).toContain('There is no user nobody.')
  }
  expect(await listUsers()).toEqual([])
})

test('a password that is too short, too long, missing, or known to everybody is refused', async () => {
  await user(['list'])
  expect(await refuse(['add', 'ada'], 'hunter2\n')).toContain('hunter2 is the sample password')
  expect(await refuse(['add', 'ada'], 'short\n')).toContain('8 to 1024 characters')
  expect(await refuse(['add', 'ada'], `${'x'.repeat(1025)}\n`)).toContain('8 to 1024 characters')
  expect(await refuse(['add', 'ada'], '\n')).toContain('8 to 1024 characters')
  expect(await refuse(['add', 'ada'], '')).toContain('no password on standard input')
  expect(await listUsers()).toEqual([])
})

test('a password is the first line as it is: spaces and letters of any script belong to it', async () => {
  const password = '  пароль with spaces  '
  await user(['add', 'ada'], `${password}\nsecond line\n`)
  await user(['add', 'grace'], `${password}\r\n`)
  const server = await spawnServer(settings)
  expect((await logIn(server.url, 'ada', password)).status).toBe(200)
  expect((await logIn(server.url, 'grace', password)).status).toBe(200)
  expect((await logIn(server.url, 'ada', password.trim())).status).toBe(400)
  await server.stop()
})

test('a password is never taken from the arguments, which everybody on the machine can list', async () => {
  for (const args of [
    ['add', 'ada', PASSWORD],
    ['add', 'ada', '--password', PASSWORD],
    ['passwd', 'ada', PASSWORD],
  ]) {
    const refused = await user(args, `${PASSWORD}\n`)
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^error: (too many arguments|unknown option)/)
  }
  expect(await listUsers()).toEqual([])
})

test('all of it works while the server runs, and takes effect at once', async () => {
  const server = await spawnServer(settings)
  expect((await user(['add', 'ada', '--admin'], `${PASSWORD}\n`)).code).toBe(0)
  const ada = await logInAs(server.url, 'ada', PASSWORD)
  expect((await ada.get('/users/me')).body).toMatchObject({ username: 'ada', is_administrator: true })

  expect((await user(['disable', 'ada'])).stderr).toBe('ada is disabled.\n')
  expect((await ada.get('/clusters')).status).toBe(401)
  expect((await logIn(server.url, 'ada', PASSWORD)).status).toBe(400)

  expect((await user(['enable', 'ada'])).stderr).toBe('ada is enabled.\n')
  expect((await ada.get('/clusters')).status).toBe(200)

  const changed = await user(['passwd', 'ada'], 'another password\n')
  expect(changed).toMatchObject({ code: 0, stdout: '' })
  expect((await ada.get('/clusters')).status).toBe(401)
  expect((await logIn(server.url, 'ada', PASSWORD)).status).toBe(400)
  await expectLogIn(server.url, 'another password')
  await server.stop()
})

async function expectLogIn(url: string, password: string): Promise<Caller> {
  const ada = await logInAs(url, 'ada', password)
  expect((await ada.get('/clusters')).status).toBe(200)
  return ada
}

test('disabling or enabling twice changes nothing the second time', async () => {
  await user(['add', 'ada'], `${PASSWORD}\n`)
  await user(['disable', 'ada'])
  const disabled = await listUsers()
  expect((await user(['disable', 'ada'])).code).toBe(0)
  expect(await listUsers()).toEqual(disabled)
  expect((await user(['enable', 'ada'])).code).toBe(0)
  expect((await user(['enable', 'ada'])).code).toBe(0)
  expect(await listUsers()).toMatchObject([{ disabled_at: null }])
})
