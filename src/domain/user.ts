import type { Use } from './quota.ts'

/** Who a request is made by. */
export interface User {
  readonly id: number
  readonly username: string
  readonly isAdministrator: boolean
}

/** A user with what they use of their quota now. */
export interface UserWithUse extends User {
  readonly used: Use
}

/** The sample users of fixtures/initial.yaml. */
export const SAMPLE_USERNAMES = ['alice', 'betty'] as const
/** Printed in the README, so it is no secret: a server that others can reach refuses to start with it. */
export const SAMPLE_PASSWORD = 'hunter2'
