// Bundles the dashboard into dist/dashboard/: one script, one style, and the page that names them by their hashes, each
// compressed beforehand.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from './prepare.mjs'

/** Throws when it cannot be built. */
export async function buildDashboard(outdir) {
  const assets = join(outdir, 'assets')
  mkdirSync(assets, { recursive: true })
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { app: 'src/dashboard/main.tsx' },
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    outdir: assets,
    bundle: true,
    minify: true,
    splitting: false,
    format: 'esm',
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.svg': 'file' },
    logLevel: 'warning',
    write: false,
  })
  const nameOf = extension => {
    const file = outputFiles.find(({ path }) => path.endsWith(extension))
    if (file === undefined) throw new Error(`the dashboard has no ${extension}`)
    return basename(file.path)
  }
  for (const { path, contents } of outputFiles) write(path, Buffer.from(contents))
  const icon = readFileSync(join(root, 'src', 'dashboard', 'icon.svg'))
  write(join(assets, 'icon.svg'), icon)
  const page = readFileSync(join(root, 'src', 'dashboard', 'index.html'), 'utf8')
    .replace('app.js', nameOf('.js'))
    .replace('app.css', nameOf('.css'))
  write(join(outdir, 'index.html'), Buffer.from(page))
}

function write(path, contents) {
  writeFileSync(path, contents)
  writeFileSync(`${path}.gz`, gzipSync(contents, { level: 9 }))
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
  writeFileSync(`${path}.br`, brotliCompressSync(contents, quality))
}
