/** What Node calls a failure, such as EACCES; `unknown` when it has no such name. */
export function errorCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
