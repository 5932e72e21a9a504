import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { DASK_PYTHON, hasDask } from '../support/dask.ts'
import { cleanEnvironment, collect, createFolder, logInAs, spawnServer } from '../support/spawn.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The part of a page below a heading of the second rank. */
function sectionOf(page: string, heading: string): string {
  const [, section] = page.split(`\n## ${heading}\n`)
  if (section === undefined) throw new Error(`there is no heading ${heading}`)
  return section.split('\n## ')[0] ?? ''
}

function listBlocks(markdown: string): { readonly language: string; readonly text: string }[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
}

describe.skipIf(process.platform !== 'linux')('the first cluster of README.md', () => {
  const blocks = ['A first cluster with curl', 'Log out'].flatMap(heading =>
    listBlocks(sectionOf(read('README.md'), heading)),
  )
  const scripts = blocks.filter((_, index) => index % 2 === 0)
  const outputs = blocks.filter((_, index) => index % 2 === 1)

  test('shows after each script what it prints', () => {
    expect(scripts.length).toBeGreaterThan(4)
    expect(scripts.map(({ language }) => language)).toEqual(scripts.map(() => 'bash'))
    expect(outputs.map(({ language }) => language)).toEqual(scripts.map(() => 'text'))
  })

  test('does just that on a new server, in one shell', async () => {
    const settings = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_ENGINE: 'local' }
    const server = await spawnServer(settings, { sampleUsers: true })
    const { host } = new URL(server.url)
    const mark = '----- the next block -----'
    const script = scripts.map(({ text }) => text.replaceAll('127.0.0.1:8000', host)).join(`echo '${mark}'\n`)
    const bash = spawn('bash', ['-c', script], { cwd: createFolder(), env: cleanEnvironment({}) })
    const { code, stdout, stderr } = await collect(bash)
    await server.stop()

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split(`${mark}\n`).map(comparable)).toEqual(outputs.map(({ text }) => comparable(text)))
  })
})

test.skipIf(process.platform !== 'linux')('the command of README.md does what it says', async () => {
  const [block] = listBlocks(sectionOf(read('README.md'), 'The command'))
  const settings = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_ENGINE: 'local' }
  const server = await spawnServer(settings, { sampleUsers: true })
  const env = { ...cleanEnvironment({}), HOME: createFolder(), CLUSTERS_URL: server.url }
  const bash = spawn('bash', ['-ec', block?.text ?? ''], { cwd: ROOT, env })
  bash.stdin.end('hunter2\n')
  const { code, stdout, stderr } = await collect(bash)
  await server.stop()
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stderr).toMatch(/logged in as alice[^]*1 running, 1 of 1 ready[^]*is stopping, stopped by user/)
  expect(stdout).toMatch(/^1\nID +NAME[^]*\n1 +etl +running/)
})

describe.skipIf(!hasDask())('the Dask cluster of README.md', () => {
  const [start, script, output] = listBlocks(sectionOf(read('README.md'), 'A Dask cluster'))

  test('computes what the page says', async () => {
    expect(start?.text).toBe(`CLUSTERS_DASK_PYTHON=${DASK_PYTHON} npm start\n`)
    const settings = {
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_ENGINE: 'local',
      CLUSTERS_DASK_PYTHON: DASK_PYTHON,
    }
    const server = await spawnServer(settings, { sampleUsers: true })
    const alice = await logInAs(server.url, 'alice', 'hunter2')
    const given = `SERVER=${server.url}\nTOKEN=${alice.token}\n`
    const bash = spawn('bash', ['-c', given + script?.text], {
      cwd: createFolder(),
      env: cleanEnvironment({}),
    })
    const { code, stdout } = await collect(bash)
    const [cluster] = (await alice.get('/clusters')).body as { id: number }[]
    await alice.post(`/clusters/${cluster?.id}/stop`)
    await alice.get(`/clusters/${cluster?.id}?wait_for=stopped`)
    await server.stop()
    expect({ code, stdout }).toEqual({ code: 0, stdout: output?.text })
  }, 90_000)
})

/** Without what differs from run to run, and without the line breaks that make the page readable. */
function comparable(output: string): string {
  return output
    .replace(/clu_[\w-]{43}/g, '(token)')
    .replace(/"csrf_token":"[\w-]{43}"/g, '"csrf_token":"(value)"')
    .replace(/"request_id":"[\w-]+"/g, '"request_id":"(id)"')
    .replace(/"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"/g, '"(time)"')
    .replace(/"id":\d+/g, '"id":(id)')
    .replace(/"cluster-\d+"/g, '"cluster-(id)"')
    .replace(/\/clusters\/\d+/g, '/clusters/(id)')
    .replace(/after [\d.]+ s/g, 'after (time)')
    .replace(/\s*\n\s*/g, '')
}

describe('the settings of docs/operating.md', () => {
  const section = sectionOf(read('docs/operating.md'), 'Settings')
  const rows = [
    ...section.matchAll(/^\| `(CLUSTERS_\w+)`\s*\| `(\w+)`\s*\| (?:`([^`]+)`|\(none\))\s*\|/gm),
  ].map(([, name = '', key = '', otherwise]) => ({ name, key, otherwise }))

  test('are those of the server, in its order', () => {
    expect(rows.map(({ name }) => name)).toEqual(listSettings())
    expect(rows.map(({ name }) => name)).toEqual(rows.map(({ key }) => `CLUSTERS_${key.toUpperCase()}`))
  })

  test.each(rows.filter(({ otherwise }) => otherwise !== undefined))(
    '$name is $otherwise by default',
    ({ name, otherwise }) => {
      expect(loadConfig({ [name]: otherwise })).toEqual(loadConfig({}))
    },
  )

  test('are in the example of the file, which is read', () => {
    const [example] = listBlocks(section).filter(({ language }) => language === 'yaml')
    const text = example?.text ?? ''
    for (const { key } of rows) expect(text).toMatch(new RegExp(`^(# )?${key}: `, 'm'))
    const path = join(createFolder(), 'settings.yaml')
    writeFileSync(path, text)
    expect(loadConfig({ CLUSTERS_CONFIG: path }).quota).toEqual({ clusters: 20, cpus: 128, memory_gib: 512 })
  })
})

/** The server itself lists them for whoever names one that there is not. */
function listSettings(): string[] {
  const unknown = `CLUSTERS_${'X'.repeat(100)}`
  try {
    loadConfig({ [unknown]: '1' })
  } catch (error) {
    const { message } = error as Error
    const names = message.split('known are ')[1]?.match(/CLUSTERS_\w+/g) ?? []
    return names.filter(name => name !== 'CLUSTERS_CONFIG')
  }
  throw new Error('an unknown setting was accepted')
}

describe('every page', () => {
  const top = readdirSync(ROOT).filter(name => name.endsWith('.md'))
  const below = readdirSync(join(ROOT, 'docs'), { recursive: true }).map(name => join('docs', String(name)))
  const pages = [...top, ...below.filter(name => name.endsWith('.md'))]

  test.each(pages)('%s links to what there is', page => {
    const missing = listLinks(read(page)).filter(link => !leadsSomewhere(page, link))
    expect(missing).toEqual([])
  })

  test.each(pages)('%s names no file that is not there', page => {
    const named =
      read(page).match(/(?<![\w./<-])(?:src|test|scripts|bench|bin|docs|fixtures)\/[\w./-]*\w/g) ?? []
    // NNNN stands for a number that is not given yet.
    const missing = named.filter(path => !path.includes('NNNN') && !existsSync(join(ROOT, path)))
    expect(missing).toEqual([])
  })
})

/** Relative ones; those with a scheme lead elsewhere. */
function listLinks(markdown: string): string[] {
  const prose = markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter(link => !/^[a-z]+:/.test(link))
}

/** To a file or folder of the repository, and to a heading where it names one. */
function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#', 2)
  const target = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path)
  if (relative(ROOT, target).startsWith('..') || !existsSync(target)) return false
  return anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
}

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
