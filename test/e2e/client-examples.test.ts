/** The examples of docs/client.md: each is checked against the types, run as it stands, and prints what it says. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/start-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = readFileSync(join(root, 'docs', 'client.md'), 'utf8')
const examples = [...text.matchAll(/```ts\n(.*?)```\n+(?:It prints:\n+)?```text\n(.*?)```/gs)].map(
  ([, code = '', prints = '']) => ({ code, prints }),
)
// Below the package, whose own name they import.
const folder = join(root, 'node_modules', '.cache', 'clusters', 'client-examples')

let server: TestServer

beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  server = await startServer({ sampleUsers: true, settings: { CLUSTERS_ENGINE: 'local' } })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('there are some', () => {
  expect(examples).toHaveLength(3)
  expect(text.match(/```ts/g)).toHaveLength(3)
})

test('they are right by the types', () => {
  const paths = examples.map(({ code }, index) => {
    const path = join(root, `client-example-${index}.ts`)
    return { path, code }
  })
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), name => ts.sys.readFile(name)) as {
    config: { compilerOptions: object }
  }
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false })
  const virtual = new Map(paths.map(({ path, code }) => [path, code]))
  const readFile = host.readFile.bind(host)
  const fileExists = host.fileExists.bind(host)
  host.readFile = path => virtual.get(path) ?? readFile(path)
  host.fileExists = path => virtual.has(path) || fileExists(path)
  const program = ts.createProgram([...virtual.keys()], options, host)
  const found = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  expect(found).toEqual([])
})

test.each(examples)('example %# prints what it says', async ({ code, prints }) => {
  const path = join(folder, `example-${examples.findIndex(example => example.code === code)}.mjs`)
  // They are JavaScript already; they import what is built.
  writeFileSync(
    path,
    code
      .replaceAll("'clusters/client'", JSON.stringify(join(root, 'dist', 'client.js')))
      .replaceAll('http://127.0.0.1:8000', server.url),
  )
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await new Promise(resolve => child.on('close', resolve))
  // Whether it was starting for long enough to be seen is a matter of luck.
  expect(printed.replace('starting\n', '')).toBe(prints)
})
