import type { components } from './schema.ts'

/** RFC 9457, as the server sends it. `status` 0 and the type `unreachable`: it did not answer at all. */
export type Problem = Omit<components['schemas']['Problem'], 'request_id'> & {
  /** The same as in the server's log; absent when it never saw the request. */
  readonly request_id?: string
}

/** What is expected to go wrong is a result like any other; nothing of it is thrown. */
export type Result<Data> =
  | { readonly ok: true; readonly data: Data; readonly response: Response }
  | { readonly ok: false; readonly problem: Problem }

/** For whoever has nobody to tell: thrown by {@link unwrap}, and by a stream that is refused. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** The data; throws a `ProblemError` without it. */
export function unwrap<Data>(result: Result<Data>): Data {
  if (!result.ok) throw new ProblemError(result.problem)
  return result.data
}

export function unreachable(url: string, error: unknown): Problem {
  return {
    type: 'unreachable',
    title: 'Server unreachable',
    status: 0,
    detail: `${new URL(url).origin} does not answer: ${causeOf(error)}.`,
  }
}

/** Node's fetch says "fetch failed", and why in its cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  // Of several addresses that were tried, each has its own.
  const [first] = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause]
  return first instanceof Error ? first.message : cause.message
}

/** Of an answer that is no success. A proxy on the way may send anything. */
export async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '')
  return toProblem(parseJson(text), response)
}

export function toProblem(body: unknown, response: Response): Problem {
  if (isProblem(body)) return body
  return {
    type: 'about:blank',
    title: response.statusText === '' ? `HTTP status ${response.status}` : response.statusText,
    status: response.status,
    detail: `${new URL(response.url).origin} answered with status ${response.status}, and not as clusters does.`,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false
  return 'type' in body && 'status' in body && 'detail' in body && typeof body.detail === 'string'
}
