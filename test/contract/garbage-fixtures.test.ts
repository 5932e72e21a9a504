import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listAccounts } from '../../src/database/users.ts'
import { OperatorError } from '../../src/domain/errors.ts'
import { loadFixture } from '../../src/service/fixtures.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const YAML = readDump('django-dump.yaml')
const JSON_DUMP = readDump('django-dump.json')

function readDump(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
}

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const load = (text: string) => loadFixture(server.database, { text, clock: server.clock.now })
const accounts = () => listAccounts(server.database.reads)

test.each([
  ['bytes that are no text', '\u0000\u0001\u0002\uFFFD'],
  ['half a file', YAML.slice(0, 2010)],
  ['half a JSON file', JSON_DUMP.slice(0, 1000)],
  ['a map', 'model: launcher.user\npk: 1\n'],
  ['a text', 'hello'],
  ['a list of numbers', '[1, 2]'],
  ['an entry without a model', '- pk: 1\n  fields: {}\n'],
  ['an entry without fields', '- model: launcher.user\n  pk: 1\n'],
  ['an entry whose model is no text', '- model: 5\n  fields: {}\n'],
  ['an alias of nothing', '- *nothing\n'],
  ['aliases of aliases of aliases', bomb()],
  ['very deep brackets', '['.repeat(20_000)],
])('a file that is %s is refused in one sentence, and changes nothing', async (_name, text) => {
  const refused = await load(text).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(refused).toBeInstanceOf(OperatorError)
  expect((refused as OperatorError).message).toMatch(/^[A-Z][^\n]+$/)
  expect(await accounts()).toEqual([])
})

test('an empty file brings nothing, and that is no error', async () => {
  for (const text of ['', '[]', '# nothing here\n']) {
    expect(await load(text)).toEqual({ users: 0, clusters: 0, notes: [] })
  }
})

/** A few lines that unfold to billions of entries. */
function bomb(): string {
  const lines = Array.from({ length: 9 }, (_, n) => `- &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`)
  return ['- &a0 {model: launcher.user, fields: {}}', ...lines].join('\n')
}
