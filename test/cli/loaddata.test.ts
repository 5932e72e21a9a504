import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, test } from 'vitest'
import { createFolder, logInAs, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

const DUMP = fileURLToPath(new URL('../fixtures/django-dump.yaml', import.meta.url))

let settings: { CLUSTERS_DATA_DIR: string }

beforeEach(() => {
  settings = { CLUSTERS_DATA_DIR: createFolder() }
})

test('loaddata tells how many it loaded, and names the rest, on standard error alone', async () => {
  await runCommand(['user', 'list'], settings)
  expect(await runCommand(['loaddata', DUMP], settings)).toMatchObject({
    code: 0,
    stdout: '',
    stderr: [
      `Loaded 3 users and 3 clusters from ${DUMP}.`,
      '- 2 entries of contenttypes.contenttype: nothing here takes them',
      '- 3 entries of auth.permission: nothing here takes them',
      '',
    ].join('\n'),
  })
  const again = await runCommand(['loaddata', DUMP], settings)
  expect(again.code).toBe(0)
  expect(again.stderr).toContain(
    `Loaded 0 users and 0 clusters from ${DUMP}.\n- user 11 (grace): exists already\n`,
  )
})

test('loaddata works while the server runs, and takes effect at once', async () => {
  const server = await spawnServer(settings)
  expect((await runCommand(['loaddata', DUMP], settings)).code).toBe(0)
  const grace = await logInAs(server.url, 'grace', 'grace-password')
  expect((await grace.get('/clusters')).body).toMatchObject([
    { id: 101, status: 'stopped', reason: 'imported' },
  ])
  expect((await grace.createCluster()).id).toBe(231)
  await server.stop()
})

test('a file that cannot be read, or is no fixture, is refused in one sentence', async () => {
  await runCommand(['user', 'list'], settings)
  const missing = join(createFolder(), 'missing.yaml')
  expect(await refuseCommand(['loaddata', missing], settings)).toContain(`${missing} cannot be read (ENOENT)`)
  expect(await refuseCommand(['loaddata', createFolder()], settings)).toContain('cannot be read (EISDIR)')

  const garbage = join(createFolder(), 'garbage.yaml')
  for (const content of ['{', '- model: 1', '- *nothing', Buffer.from([0, 255, 254, 1])]) {
    writeFileSync(garbage, content)
    await refuseCommand(['loaddata', garbage], settings)
  }
})
