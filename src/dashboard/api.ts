import { QueryClient, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { createClient, ProblemError, unwrap, type Problem, type Result } from '../client/index.ts'

/** The server that this page came from, as whoever is logged in. */
export const client = createClient({ url: location.origin, session: true })

/** What went wrong, for whatever was thrown. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  const detail = error instanceof Error ? error.message : String(error)
  return { type: 'about:blank', title: 'Unexpected error', status: 0, detail }
}

function isPassing(error: unknown): boolean {
  const { status } = toProblem(error)
  return status === 0 || status >= 500
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What is refused stays refused; a server that is away comes back.
      retry: (count, error) => count < 2 && isPassing(error),
      retryDelay: 800,
      staleTime: 2000,
      refetchOnWindowFocus: true,
    },
  },
})

/** Something of the server, kept while it is shown. */
export function useData<Data>(
  key: readonly unknown[],
  load: () => Promise<Result<Data>>,
  options: { refetchMs?: number | false; enabled?: boolean } = {},
): UseQueryResult<Data> {
  return useQuery({
    queryKey: key,
    queryFn: async () => unwrap(await load()),
    refetchInterval: options.refetchMs ?? false,
    enabled: options.enabled ?? true,
  })
}
