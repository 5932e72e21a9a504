import fc from 'fast-check'
import { expect, test } from 'vitest'
import { needsRehash, parsePasswordHash, UNUSABLE_PASSWORD } from './password-hash.ts'

/** More than Django 6.0 asks for. */
const MAX_PBKDF2_ITERATIONS = 2_000_000
const OURS = `$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2hpamtsbW5vcA$${'A'.repeat(43)}`
const DIGEST = `${'A'.repeat(43)}=`

const whyUnusable = (text: string) => {
  const hash = parsePasswordHash(text)
  return hash.kind === 'unusable' ? hash.why : undefined
}

test('reads our own argon2id, and finds nothing to renew', () => {
  expect(parsePasswordHash(OURS)).toEqual({ kind: 'argon2id', phc: OURS })
  expect(needsRehash(OURS)).toBe(false)
})

test('reads Django’s argon2, and renews it unless it is just as costly as ours', () => {
  const cheap = OURS.replace('m=19456', 'm=1024')
  expect(parsePasswordHash(`argon2${cheap}`)).toEqual({ kind: 'argon2id', phc: cheap })
  expect(needsRehash(`argon2${cheap}`)).toBe(true)
  expect(needsRehash(cheap)).toBe(true)
})

test('reads Django’s pbkdf2 with every number of iterations that is done here, and renews it', () => {
  const salts = fc.stringMatching(/^[^$\n]{1,256}$/)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MAX_PBKDF2_ITERATIONS }), salts, (iterations, salt) => {
      const text = `pbkdf2_sha256$${iterations}$${salt}$${DIGEST}`
      expect(parsePasswordHash(text)).toEqual({ kind: 'pbkdf2', iterations, salt, digest: DIGEST })
      expect(needsRehash(text)).toBe(true)
    }),
  )
})

test('refuses a hash that would keep a core busy for minutes', () => {
  expect(whyUnusable(`pbkdf2_sha256$${MAX_PBKDF2_ITERATIONS + 1}$salt$${DIGEST}`)).toContain(
    'at most 2000000',
  )
  expect(whyUnusable(OURS.replace('m=19456', 'm=262145'))).toContain('more work')
  expect(whyUnusable(OURS.replace('t=2', 't=11'))).toContain('more work')
})

test.each([
  ['', 'form'],
  ['hunter2', 'form'],
  ['md5$salt$5f4dcc3b5aa765d61d8327deb882cf99', 'form'],
  ['pbkdf2_sha1$1000$salt$AAAA', 'form'],
  ['bcrypt_sha256$$2b$12$abc', 'form'],
  ['$argon2i$v=19$m=19456,t=2,p=1$YWJjZGVmZ2hpamts$AAAA', 'form'],
  [UNUSABLE_PASSWORD, 'unusable'],
  ['!q8Zx', 'unusable'],
  ['$argon2id$', 'damaged'],
  ['argon2$argon2id$v=19$m=1', 'damaged'],
  [`${OURS}\n`, 'damaged'],
  [OURS.replace('v=19', 'v=16'), 'damaged'],
  ['pbkdf2_sha256$', 'damaged'],
  [`pbkdf2_sha256$0$salt$${DIGEST}`, 'damaged'],
  [`pbkdf2_sha256$01$salt$${DIGEST}`, 'damaged'],
  [`pbkdf2_sha256$-1$salt$${DIGEST}`, 'damaged'],
  [`pbkdf2_sha256$1e3$salt$${DIGEST}`, 'damaged'],
  [`pbkdf2_sha256$1000$$${DIGEST}`, 'damaged'],
  ['pbkdf2_sha256$1000$salt$', 'damaged'],
  ['pbkdf2_sha256$1000$salt$AAAA', 'damaged'],
  [`pbkdf2_sha256$1000$salt$${DIGEST}$more`, 'damaged'],
])('nobody gets in with %j, and why completes "its password ..."', (text, why) => {
  expect(whyUnusable(text)).toContain(why)
  expect(whyUnusable(text)).toMatch(/^(is|asks for) /)
})

test('any text is read without an error, and a damaged one never becomes a hash', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string().map(text => `pbkdf2_sha256$${text}`),
    fc.string().map(text => `$argon2id$${text}`),
    fc
      .tuple(fc.nat(OURS.length - 1), fc.string({ minLength: 1, maxLength: 1 }))
      .map(([at, character]) => OURS.slice(0, at) + character + OURS.slice(at + 1)),
  )
  fc.assert(
    fc.property(texts, text => {
      const hash = parsePasswordHash(text)
      if (hash.kind === 'argon2id')
        expect(hash.phc).toMatch(/^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+$/)
      if (hash.kind === 'pbkdf2') expect(hash.iterations).toBeGreaterThan(0)
    }),
  )
})
