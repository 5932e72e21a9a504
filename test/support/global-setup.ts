import type { TestProject } from 'vitest/node'
import { findPostgresPackage, startPostgres } from './postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Absent where there is no PostgreSQL for this platform. */
    postgresUrl: string | undefined
  }
}

/** One PostgreSQL for the whole run; each test server gets a database of its own on it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (findPostgresPackage() === undefined) {
    if (process.env['CI'] !== undefined) throw new Error('CI needs PostgreSQL: its package is not installed')
    project.provide('postgresUrl', undefined)
    return undefined
  }
  const postgres = await startPostgres()
  project.provide('postgresUrl', postgres.url)
  return () => postgres.stop()
}
