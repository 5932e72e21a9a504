/**
 * Every kind of error the API answers with. `type` is the machine's key: a relative URI, and the page
 * behind it says what happened and how to mend it.
 */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** What happened. */
  readonly happened: string
  /** What to do about it. */
  readonly mend: string
  /** Fields beyond those that every problem has, as an example shows them. */
  readonly exampleDetail: string
  readonly exampleFields?: Readonly<Record<string, unknown>>
}

export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    happened: 'The request is not as the API describes it. `errors` names each faulty field and says why.',
    mend: 'Mend the named fields and send it again. `/docs` shows what each operation takes.',
    exampleDetail: 'cpus must be at most 16',
    exampleFields: { errors: { cpus: ['must be at most 16'] } },
  },
  'wrong-credentials': {
    status: 400,
    title: 'Wrong credentials',
    happened: 'The user name or the password is wrong, or the user is disabled. Which of them is never said.',
    mend: 'Check both. An operator sets a new password with `./bin/clusters user passwd NAME`.',
    exampleDetail: 'The user name or the password is wrong.',
  },
  'not-authenticated': {
    status: 401,
    title: 'Not authenticated',
    happened: 'The request has no token, or one that is unknown, expired or revoked.',
    mend: 'Get a token with `POST /token/login/` and send it as `Authorization: Token <token>`.',
    exampleDetail: 'This needs a token: send the header Authorization: Token <token>.',
  },
  'csrf-failed': {
    status: 403,
    title: 'CSRF check failed',
    happened:
      'A login, or a request with the cookie of a session, came without the value that only a page of this server can know: the header `X-CSRF-Token` is missing, or differs from the cookie `csrftoken`.',
    mend: 'GET `/token/login/` first, keep its cookie, and send the cookie back with its value in the header.',
    exampleDetail: 'The header X-CSRF-Token must repeat the value of the cookie csrftoken.',
  },
  'not-an-administrator': {
    status: 403,
    title: 'Not an administrator',
    happened: 'This is for administrators, and your user is none.',
    mend: 'Ask an administrator. An operator makes one with `./bin/clusters user add NAME --admin`.',
    exampleDetail: 'This is for administrators.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    happened:
      'There is nothing here that you can see: it does not exist, was deleted, or is somebody else’s.',
    mend: 'Check the address. `GET /clusters/` lists your clusters.',
    exampleDetail: 'There is no such cluster.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    happened: 'The address exists, but not for this method.',
    mend: 'The header `Allow` names the methods it takes.',
    exampleDetail: 'PUT is not allowed here; allowed are GET, HEAD, OPTIONS, POST.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    happened: 'The request did not arrive whole in time.',
    mend: 'Send it again; a slow upload must end within a minute.',
    exampleDetail: 'The request did not arrive in time.',
  },
  'quota-exceeded': {
    status: 409,
    title: 'Quota exceeded',
    happened: 'With this you would have more at once than your quota allows. Nothing was created or changed.',
    mend: 'Delete a cluster you no longer need, or ask an administrator for a larger quota. `limit` names the limit; `GET /users/me` shows what you use.',
    exampleDetail:
      'Your quota allows 16 CPUs at once; you use 10 and asked for 10 more. Delete a cluster, or ask an administrator for a larger quota.',
    exampleFields: { limit: 'cpus', used: 10, requested: 10, allowed: 16 },
  },
  'idempotency-conflict': {
    status: 409,
    title: 'Idempotency key reused',
    happened: 'The `Idempotency-Key` was used in the last 24 hours for a request with another body.',
    mend: 'Use a new key for a new request. `cluster` is what the key created.',
    exampleDetail: 'This Idempotency-Key was used for another request, which created /clusters/7.',
    exampleFields: { cluster: '/clusters/7' },
  },
  'cluster-ended': {
    status: 409,
    title: 'Cluster ended',
    happened: 'The cluster is stopping or has ended, so its number of workers stays as it is.',
    mend: 'Create a new cluster with as many workers as you need. A new name can be given at any time.',
    exampleDetail: 'The cluster is stopping: it cannot grow or shrink any more.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    happened: 'The body of the request is over 1 MiB.',
    mend: 'Send less. Data belongs on a shared file system or in an object store, not in a cluster’s environment.',
    exampleDetail: 'The body must be at most 1048576 bytes.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    happened: 'The body is not JSON in UTF-8, or does not say so.',
    mend: 'Send the header `Content-Type: application/json`. `/token/login/` alone also takes a form.',
    exampleDetail: 'The body must be JSON, with the header Content-Type: application/json.',
  },
  'unknown-host': {
    status: 421,
    title: 'Unknown host',
    happened:
      'The request names a host that this server does not answer for, as it happens in DNS rebinding.',
    mend: 'Use the server’s own name or address. Its operator lists further names in `CLUSTERS_ALLOWED_HOSTS`.',
    exampleDetail:
      'This server does not answer for that host; its operator can allow it with CLUSTERS_ALLOWED_HOSTS.',
  },
  'too-many-login-failures': {
    status: 429,
    title: 'Too many failed logins',
    happened: 'There were too many failed logins from your address in the last minute.',
    mend: 'Wait as many seconds as the header `Retry-After` says.',
    exampleDetail: 'Too many failed logins. Try again in 42 s.',
  },
  'too-many-streams': {
    status: 429,
    title: 'Too many streams',
    happened: 'You have as many streams, followed outputs and waiting requests open as one user may have.',
    mend: 'End some of them, or share one: `GET /events` streams what happens to all your clusters.',
    exampleDetail: 'You have 500 streams and waiting requests open already; end some of them first.',
  },
  'headers-too-large': {
    status: 431,
    title: 'Headers too large',
    happened: 'The headers of the request are over 16 KiB.',
    mend: 'Send fewer or shorter headers and cookies.',
    exampleDetail: 'The headers of the request are too large.',
  },
  'internal-error': {
    status: 500,
    title: 'Internal error',
    happened: 'The server met an error that it did not expect.',
    mend: 'Try again. If it stays, give your operator the `request_id`: it is in the server’s log.',
    exampleDetail: 'The server met an unexpected error.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    happened: 'The server cannot do this now: its database does not answer, or too much is waiting already.',
    mend: 'Try again in a moment, with an `Idempotency-Key` if you create a cluster. Operators: see `/readyz` and the log.',
    exampleDetail: 'The database cannot be reached now.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemName = keyof typeof PROBLEMS

export function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name)
}

export function listProblemNames(): ProblemName[] {
  return Object.keys(PROBLEMS).filter(isProblemName)
}
