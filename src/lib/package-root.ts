import { existsSync } from 'node:fs'

/** The folder of package.json, with a slash at its end. Sources and build lie at different depths below it. */
export const packageRoot = findPackageRoot(new URL('.', import.meta.url))

function findPackageRoot(folder: URL): URL {
  if (existsSync(new URL('package.json', folder))) return folder
  const above = new URL('..', folder)
  if (above.href === folder.href) throw new Error('there is no package.json above this file')
  return findPackageRoot(above)
}
