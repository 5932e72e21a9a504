/** Runs in a worker thread: does one piece of password work at a time. */
import { pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { hashSync, verifySync } from '@node-rs/argon2'
import { ARGON2_OPTIONS, parsePasswordHash } from './password-hash.ts'

export type PasswordWork =
  | { readonly id: number; readonly password: string }
  | { readonly id: number; readonly password: string; readonly hash: string }

export type PasswordAnswer =
  { readonly id: number; readonly result: string | boolean } | { readonly id: number; readonly error: string }

// On Linux a priority belongs to the thread that sets it: logins then wait for the requests of others,
// and not the other way round.
if (process.platform === 'linux') setPriority(0, 19)

parentPort?.on('message', (work: PasswordWork) => {
  let answer: PasswordAnswer
  try {
    const result = 'hash' in work ? verify(work.password, work.hash) : hashSync(work.password, ARGON2_OPTIONS)
    answer = { id: work.id, result }
  } catch (error) {
    answer = { id: work.id, error: error instanceof Error ? error.message : 'unknown' }
  }
  parentPort?.postMessage(answer)
})

function verify(password: string, text: string): boolean {
  const hash = parsePasswordHash(text)
  if (hash.kind === 'argon2id') return verifySync(hash.phc, password)
  if (hash.kind === 'unusable') return false
  const expected = Buffer.from(hash.digest, 'base64')
  const actual = pbkdf2Sync(password, hash.salt, hash.iterations, expected.length, 'sha256')
  return timingSafeEqual(actual, expected)
}
