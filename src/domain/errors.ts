import type { ClusterStatus } from './cluster.ts'
import type { QuotaRefusal } from './quota.ts'

/** Messages by field: all that is wrong with a request, at once. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>

/** The request is not as the contract says. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly errors: FieldErrors

  constructor(errors: FieldErrors) {
    super(
      Object.entries(errors)
        .flatMap(([field, messages]) => messages.map(message => `${field} ${message}`))
        .join('; '),
    )
    this.errors = errors
  }
}

/** There is no such thing, or it is somebody else's: the same error, word for word. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
}

/** Nobody, or a token that is unknown, expired, revoked or of a disabled user. */
export class NotAuthenticated extends Error {
  override readonly name = 'NotAuthenticated'
}

/** Found when the request is carried out; its token was good when it came in. */
export const USER_DISABLED = 'Your user was disabled.'

/** The user name and password do not belong together; never says which of them is wrong. */
export class WrongCredentials extends Error {
  override readonly name = 'WrongCredentials'
}

export class TooManyLoginFailures extends Error {
  override readonly name = 'TooManyLoginFailures'
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super(`Too many failed logins. Try again in ${retryAfterSeconds} s.`)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export class QuotaExceeded extends Error {
  override readonly name = 'QuotaExceeded'
  readonly refusal: QuotaRefusal

  constructor(refusal: QuotaRefusal) {
    const { limit, used, requested, allowed } = refusal
    super(
      `Your quota allows ${allowed} ${allowed === 1 ? UNITS[limit].one : UNITS[limit].many} at once; you use ${used} and asked for ${requested} more. ` +
        'Delete a cluster, or ask an administrator for a larger quota.',
    )
    this.refusal = refusal
  }
}

const UNITS = {
  clusters: { one: 'cluster', many: 'clusters' },
  cpus: { one: 'CPU', many: 'CPUs' },
  memory_gib: { one: 'GiB of memory', many: 'GiB of memory' },
} as const

/** An idempotency key was used before, for another request. */
export class IdempotencyConflict extends Error {
  override readonly name = 'IdempotencyConflict'
  readonly clusterId: number

  constructor(clusterId: number) {
    super(`This Idempotency-Key was used for another request, which created /clusters/${clusterId}.`)
    this.clusterId = clusterId
  }
}

/** It is ending or has ended, and stays as large as it was. */
export class ClusterEnded extends Error {
  override readonly name = 'ClusterEnded'

  constructor(status: ClusterStatus) {
    super(
      `The cluster ${status === 'failed' ? 'has failed' : `is ${status}`}: it cannot grow or shrink any more.`,
    )
  }
}

/** What the operator of this machine can mend: one sentence, no stack. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}

/** Not now: the database cannot be reached or written, or too much is waiting already. */
export class Unavailable extends Error {
  override readonly name: string = 'Unavailable'
}

/** Found out at once, so it is worth to ask again: the next connection may be a good one. */
export class ConnectionLost extends Unavailable {
  override readonly name = 'ConnectionLost'
}
