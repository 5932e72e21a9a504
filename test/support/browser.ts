import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const run = promisify(execFile)

/** The package's own arguments would take away the web's security (--disable-web-security), which we test. */
const BROWSER_ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The package brings a font, but names /tmp/fonts for it; Chromium dies of a page without any font. */
const FONTS = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>FOLDER/fonts/fonts</dir><dir>/usr/share/fonts</dir><cachedir>FOLDER/fonts-cache</cachedir></fontconfig>
`

type FoundBrowser =
  { readonly executable: string; readonly env: Record<string, string> } | { readonly missing: string }

/**
 * A real Chromium from npm, unpacked, or why there is none: no package for this platform, or shared libraries
 * of the system that are missing (on Debian the package libnss3 brings them all).
 */
async function findBrowser(): Promise<FoundBrowser> {
  const entry = findPackage()
  if (entry === undefined) return { missing: 'the package @sparticuz/chromium is not installed' }
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '../../package.json'), 'utf8')) as {
    version: string
  }
  // What is unpacked already is used again, whatever its version: so each version has a folder of its own.
  const folder = join(tmpdir(), `clusters-chromium-${version}`)
  mkdirSync(folder, { recursive: true })
  const fonts = join(folder, 'fonts.conf')
  writeFileSync(fonts, FONTS.replaceAll('FOLDER', folder))
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: folder, FONTCONFIG_FILE: fonts }
  // In a process of its own, for it unpacks to TMPDIR and changes its environment.
  const script = `import chromium from ${JSON.stringify(pathToFileURL(entry).href)}
    process.stdout.write(await chromium.executablePath())`
  const { stdout: executable } = await run(process.execPath, ['--input-type=module', '-e', script], { env })
  const { stdout: libraries } = await run('ldd', [executable])
  const missing = [...libraries.matchAll(/^\s*(\S+) => not found$/gm)].map(([, library = '']) => library)
  if (missing.length > 0) return { missing: `Chromium needs the shared libraries ${missing.join(', ')}` }
  return { executable, env }
}

function findPackage(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  try {
    // The CommonJS entry; the other one stands beside it.
    const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
    return join(dirname(entry), '../esm/index.js')
  } catch {
    return undefined
  }
}

/** Rejects when there is no browser. */
export async function startBrowser(): Promise<Browser> {
  const found = await findBrowser()
  if ('missing' in found) throw new Error(found.missing)
  return await chromium.launch({
    executablePath: found.executable,
    env: found.env,
    args: [...BROWSER_ARGS],
  })
}

export interface WatchedPage {
  readonly page: Page
  /** What the page did that a page must not: errors, policy violations, requests to elsewhere. */
  readonly faults: readonly string[]
  /** Every address that was asked for. */
  readonly requests: readonly string[]
}

/** A page that keeps account of what goes wrong on it. `origin` is the only one it may talk to. */
export async function watchPage(context: BrowserContext, origin: string): Promise<WatchedPage> {
  const faults: string[] = []
  const requests: string[] = []
  const page = await context.newPage()
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', error => faults.push(`error: ${error.message}`))
  page.on('requestfailed', request => faults.push(`failed: ${request.url()}`))
  page.on('response', response => {
    if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`)
  })
  page.on('request', request => {
    const url = request.url()
    requests.push(url)
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) faults.push(`elsewhere: ${url}`)
  })
  await page.exposeFunction('reportViolation', (violation: string) => faults.push(`policy: ${violation}`))
  await page.addInitScript(`addEventListener('securitypolicyviolation', event =>
    reportViolation(event.violatedDirective + ' ' + event.blockedURI))`)
  return { page, faults, requests }
}

/** Whether tests in a browser are skipped, and what their names say of it. */
export async function findBrowserNeeds(): Promise<{ readonly isSkipped: boolean; readonly needs: string }> {
  const found = await findBrowser()
  // In CI a missing browser is no reason to skip: the start then fails and says what is missing.
  const isSkipped = 'missing' in found && process.env['CI'] === undefined
  return { isSkipped, needs: isSkipped ? ` (needs a browser: ${found.missing})` : '' }
}
