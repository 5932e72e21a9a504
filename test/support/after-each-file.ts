import { afterAll } from 'vitest'
import { endSpawned } from './spawn.ts'

// Runs for each file, while the modules that files share are loaded once: their own hooks would run after the first.
afterAll(endSpawned)
