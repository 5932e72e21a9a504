// Bundles the sources and what they need from npm into dist/: loading hundreds of small files is most of a start.
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { buildDashboard } from './build-dashboard.mjs'
import { root } from './prepare.mjs'

const outdir = join(root, 'dist')
// What was deleted from the sources must not live on in the build.
rmSync(outdir, { recursive: true, force: true })
const options = {
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts', 'src/lib/password-thread.ts'],
  entryNames: '[name]',
  outdir,
  bundle: true,
  // What a start does not need (PostgreSQL's driver) stays apart.
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: true,
  logLevel: 'warning',
  // They bring files of their own: native code, and the files of a page.
  external: ['@node-rs/argon2', '@photostructure/sqlite', '@fastify/static', '@fastify/swagger-ui'],
  // Bundled CommonJS calls it for Node's own modules.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
}
// What others import: it runs in Node and in a browser, and needs nothing else.
const client = {
  absWorkingDir: root,
  entryPoints: { client: 'src/client/index.ts' },
  outdir,
  bundle: true,
  platform: 'neutral',
  mainFields: ['module', 'main'],
  format: 'esm',
  target: ['node20.19', 'es2022'],
  sourcemap: true,
  logLevel: 'warning',
}
try {
  await Promise.all([build(options), build(client), buildDashboard(join(outdir, 'dashboard'))])
  // A shell reads them, so they cannot be in the bundle.
  for (const [engine, script] of [
    ['local', 'keeper.sh'],
    ['slurm', 'job.sh'],
  ]) {
    copyFileSync(join(root, 'src', 'launchers', engine, script), join(outdir, script))
  }
} catch {
  // It has said what is wrong.
  process.exitCode = 1
}
