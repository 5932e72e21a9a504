import { randomBytes } from 'node:crypto'

/** As apply makes them: lower case letters and digits. */
export function newWorkerId(): string {
  return `t${randomBytes(10).toString('hex')}`
}
