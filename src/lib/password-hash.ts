/** The forms a stored password may have: our own argon2id, and those that come over from Django. */

export type PasswordHash =
  /** `phc` is the standard string, `$argon2id$v=19$m=...`. */
  | { readonly kind: 'argon2id'; readonly phc: string }
  /** `digest` is base64 of 32 bytes. */
  | { readonly kind: 'pbkdf2'; readonly iterations: number; readonly salt: string; readonly digest: string }
  /** Nobody can log in with it; `why` completes "its password ...". */
  | { readonly kind: 'unusable'; readonly why: string }

/** OWASP's first choice; 8 ms of one core. */
export const ARGON2_OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const ARGON2_PREFIX = `$argon2id$v=19$m=${ARGON2_OPTIONS.memoryCost},t=${ARGON2_OPTIONS.timeCost},p=${ARGON2_OPTIONS.parallelism}$`

/** Django 6.0 uses 1.2 million. An imported hash must not be able to keep a core busy for minutes. */
const MAX_PBKDF2_ITERATIONS = 2_000_000
const MAX_ARGON2_MEMORY_KIB = 262_144
const MAX_ARGON2_PASSES = 10

/** For a user nobody can log in as. Django writes `!` and random characters. */
export const UNUSABLE_PASSWORD = '!'

export function parsePasswordHash(text: string): PasswordHash {
  if (text.startsWith('!')) return unusable('is set to unusable')
  if (text.startsWith('$argon2id$')) return parseArgon2(text)
  if (text.startsWith('argon2$argon2id$')) return parseArgon2(text.slice('argon2'.length))
  if (text.startsWith('pbkdf2_sha256$')) return parsePbkdf2(text)
  return unusable('is in a form that is not read here (pbkdf2_sha256 and argon2id are)')
}

/** Whether a login with this hash should store a new one. */
export function needsRehash(text: string): boolean {
  return !text.startsWith(ARGON2_PREFIX)
}

function parseArgon2(phc: string): PasswordHash {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}$/.exec(
      phc,
    )
  if (match === null) return unusable('is damaged')
  const [, memory, passes] = match.map(Number)
  if ((memory ?? 0) > MAX_ARGON2_MEMORY_KIB || (passes ?? 0) > MAX_ARGON2_PASSES) {
    return unusable('asks for more work than is done here for one login')
  }
  return { kind: 'argon2id', phc }
}

function parsePbkdf2(text: string): PasswordHash {
  const match = /^pbkdf2_sha256\$([1-9]\d{0,9})\$([^$]{1,256})\$([A-Za-z0-9+/]{43}=)$/.exec(text)
  const [, iterationsText, salt, digest] = match ?? []
  if (salt === undefined || digest === undefined) return unusable('is damaged')
  const iterations = Number(iterationsText)
  if (iterations > MAX_PBKDF2_ITERATIONS) {
    return unusable(`asks for ${iterations} iterations; at most ${MAX_PBKDF2_ITERATIONS} are done here`)
  }
  return { kind: 'pbkdf2', iterations, salt, digest }
}

function unusable(why: string): PasswordHash {
  return { kind: 'unusable', why }
}
