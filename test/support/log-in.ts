import type { Answer, Caller } from './caller.ts'
import { TEST_PASSWORD } from './start-server.ts'

/** A CSRF value as `GET /token/login/` gives it, and the cookie that goes with it. */
export interface Csrf {
  readonly value: string
  readonly cookie: string
}

export async function getCsrf(caller: Caller): Promise<Csrf> {
  const answer = await caller.get('/token/login/')
  const [cookie = ''] = (answer.headers['set-cookie'] ?? []).map(line => line.split(';')[0] ?? '')
  return { value: (answer.body as { csrf_token: string }).csrf_token, cookie }
}

/** Logs in as a browser's page would, with the test users' password unless another is given. */
export function logIn(
  caller: Caller,
  csrf: Csrf,
  credentials: { username: unknown; password?: unknown; [field: string]: unknown },
): Promise<Answer> {
  const body = { password: TEST_PASSWORD, ...credentials }
  return caller.post('/token/login/', body, { headers: { cookie: csrf.cookie, 'x-csrf-token': csrf.value } })
}

export function authTokenOf(answer: Answer): string {
  if (answer.status !== 200) throw new Error(`not logged in: ${answer.text}`)
  return (answer.body as { auth_token: string }).auth_token
}
