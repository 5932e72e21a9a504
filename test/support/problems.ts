import { expect } from 'vitest'
import { PROBLEMS, type ProblemName } from '../../src/api/problems.ts'
import type { Answer } from './caller.ts'

export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly request_id: string
  readonly errors?: Readonly<Record<string, readonly string[]>>
  readonly [field: string]: unknown
}

/** Fails unless the answer is just this problem, in the one shape that all have. */
export function expectProblem(answer: Answer, name: ProblemName): ProblemBody {
  const { status, title } = PROBLEMS[name]
  const body = answer.body as ProblemBody
  expect({ status: answer.status, body }).toMatchObject({
    status,
    body: { type: `/problems/${name}`, title, status },
  })
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(body.detail).not.toBe('')
  expect(body.request_id).toBe(answer.headers['x-request-id'])
  expect(body.errors === undefined, 'errors stands on 400, and there alone').toBe(status !== 400)
  return body
}

/** The `errors` of a 400, by field. */
export function errorsOf(answer: Answer): Readonly<Record<string, readonly string[]>> {
  return expectProblem(answer, 'invalid-request').errors ?? {}
}

/** The body without what differs from request to request. */
export function withoutRequestId(answer: Answer): Omit<ProblemBody, 'request_id'> {
  const { request_id: requestId, ...rest } = answer.body as ProblemBody
  expect(requestId).not.toBe('')
  return rest
}
