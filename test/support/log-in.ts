import type { Answer, Caller } from './caller.ts'
import { TEST_PASSWORD } from './start-server.ts'

/** A CSRF value as `GET /token/login/` gives it, and the cookie that goes with it. */
export interface Csrf {
  readonly value: string
  readonly cookie: string
}

export async function getCsrf(caller: Caller): Promise<Csrf> {
  const answer = await caller.get('/token/login/')
  return {
    value: (answer.body as { csrf_token: string }).csrf_token,
    cookie: getSetCookie(answer, 'csrftoken'),
  }
}

/** A cookie that was set, as it is sent back. Throws without one. */
export function getSetCookie(answer: Answer, name: string): string {
  const lines = answer.headers['set-cookie'] ?? []
  const line = lines.find(each => each.startsWith(`${name}=`))
  if (line === undefined) throw new Error(`no cookie ${name}: ${answer.status} ${answer.text}`)
  return line.split(';')[0] ?? ''
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
