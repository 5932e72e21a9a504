// Writes what is made from the code and committed: openapi.json, operations.txt, docs/problems.md, and the
// client's types, which are made from openapi.json.
// With --check it writes nothing, and fails when one of them is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, root } from './prepare.mjs'

prepare()
// Only now: on a fresh clone it has just been installed.
const { tsImport } = await import('tsx/esm/api')
const { describeApi } = await tsImport('../src/api/describe.ts', import.meta.url)
const { openApi, operations, problems } = await describeApi()
const { default: generateTypes, astToString } = await import('openapi-typescript')
const types = astToString(await generateTypes(JSON.parse(openApi), { defaultNonNullable: false }))
const files = {
  'openapi.json': openApi,
  'operations.txt': operations,
  'docs/problems.md': problems,
  'src/client/schema.ts': `// Generated from openapi.json by "npm run generate".\n${types}`,
}

const isCheck = process.argv.includes('--check')
for (const [name, content] of Object.entries(files)) {
  const path = join(root, name)
  if (!isCheck) {
    writeFileSync(path, content)
  } else if (read(path) !== content) {
    process.stderr.write(`${name} is stale: run "npm run generate" and commit what it writes\n`)
    process.exitCode = 1
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
