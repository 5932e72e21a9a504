// Brings dependencies and build up to date, if they are not. Runs on a machine with Node and npm alone, so it
// is plain JavaScript and imports nothing of ours.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const LEAST_NODE = [20, 19]

/** Installs and builds what is missing or older than its sources; says so on standard error. */
export function prepare() {
  checkNode()
  // An installed package has no sources: it comes built.
  if (!existsSync(join(root, 'src'))) return
  install()
  build()
}

/** Installs the locked dependencies when the lockfile changed since the last time. */
export function install() {
  checkNode()
  bringUpToDate({
    stamp: join(root, 'node_modules', '.clusters-installed'),
    state: () => hash([join(root, 'package-lock.json')]),
    saying: 'Installing dependencies (once) ...',
    command: [npm, 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
  })
}

function build() {
  const sources = listFiles(join(root, 'src')).filter(path => !path.endsWith('.test.ts'))
  bringUpToDate({
    stamp: join(root, 'dist', '.clusters-built'),
    state: () =>
      hash([...sources, ...['build.mjs', 'build-dashboard.mjs'].map(name => join(root, 'scripts', name))]),
    saying: 'Building ...',
    command: [process.execPath, join('scripts', 'build.mjs')],
  })
}

function bringUpToDate({ stamp, state, saying, command }) {
  const isUpToDate = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === state()
  if (isUpToDate()) return
  const unlock = lock()
  try {
    // Whoever had the lock before us may have done the work.
    if (!isUpToDate()) work({ stamp, state, saying, command })
  } finally {
    unlock()
  }
}

function work({ stamp, state, saying, command }) {
  process.stderr.write(`${saying}\n`)
  const [program, ...args] = command
  // Standard output belongs to the command that follows.
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    process.stderr.write(`clusters: ${command.join(' ')} failed${error ? `: ${error.message}` : ''}\n`)
    process.exit(1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, state())
}

/** One at a time: two commands after an update would build into each other. Gives the way to unlock. */
function lock() {
  const path = join(root, '.clusters-preparing')
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      const unlock = () => {
        process.off('exit', unlock)
        rmSync(path, { force: true })
      }
      process.once('exit', unlock)
      return unlock
    } catch (error) {
      if (error.code !== 'EEXIST') {
        process.stderr.write(
          `clusters: ${root} is not up to date and cannot be written (${error.code}): run "npm run build" as its owner first.\n`,
        )
        process.exit(1)
      }
      if (isStale(path)) rmSync(path, { force: true })
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
}

/** Whether the process that made the lock is gone: killed, it could not clean up. */
function isStale(path) {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return
  process.stderr.write(
    `clusters needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.\n`,
  )
  process.exit(1)
}

/** Of the contents: a checkout sets the times of files as it likes. */
function hash(files) {
  const sum = createHash('sha256')
  for (const file of files.toSorted()) sum.update(relative(root, file)).update(readFileSync(file))
  return sum.digest('hex')
}

function listFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .map(name => join(folder, String(name)))
    .filter(path => statSync(path).isFile())
}

// npm run build
if (process.argv[1] === fileURLToPath(import.meta.url)) prepare()
