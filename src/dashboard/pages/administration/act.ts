import type { Result } from '../../../client/index.ts'

/** Shows what is wrong with it, and looks again at everything. */
export type Act = (doing: Promise<Result<unknown>>) => void

/** What others do is not told by events. */
export const REFETCH_MS = 5000
