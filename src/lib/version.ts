import { readFileSync } from 'node:fs'
import { packageRoot } from './package-root.ts'

/** Of this package, from package.json. */
export const version = readVersion()

function readVersion(): string {
  const text = readFileSync(new URL('package.json', packageRoot), 'utf8')
  const content: unknown = JSON.parse(text)
  if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version)
  throw new Error('package.json has no version')
}
