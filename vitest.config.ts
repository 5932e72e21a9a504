import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The API and the database are tested whole on each database; all else once. */
const onBoth = [
  'test/api/**/*.test.ts',
  'test/authorization/**/*.test.ts',
  'test/contract/**/*.test.ts',
  'test/reconcile/{crash,chaos,meanwhile}.test.ts',
]

const onPostgres = 'test/postgres/**/*.test.ts'

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/after-each-file.ts'],
    // Two for each core: most tests wait for a process, a clock or a disk.
    maxWorkers: availableParallelism() * 2,
    // To load the application anew for each file was a third of all time; the files leave nothing behind in it.
    isolate: false,
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // What is awaited comes when a busy machine gets to it; the second that Vitest gives is none.
    expect: { poll: { timeout: 30_000 } },
    projects: [
      { extends: true, test: { name: 'sqlite', include: onBoth, env: { TEST_DATABASE: 'sqlite' } } },
      // What only several servers can show is PostgreSQL's alone.
      {
        extends: true,
        test: { name: 'postgres', include: [...onBoth, onPostgres], env: { TEST_DATABASE: 'postgres' } },
      },
      {
        extends: true,
        test: {
          name: 'once',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...onBoth, onPostgres],
        },
      },
    ],
  },
})
