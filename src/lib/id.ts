import { hash, randomBytes } from 'node:crypto'

/** `bytes` of randomness as text that is safe in URLs, headers and cookies. */
export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

/** 80 bits as lower case letters and digits: safe in file names, labels and the names of jobs. */
export function randomId(): string {
  return randomBytes(10).toString('hex')
}
