import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { expect, test } from 'vitest'
import { makeOwnCertificate } from './certificate.ts'

const FROM = new Date('2026-11-28T10:00:00Z')
const UNTIL = new Date('2036-11-28T10:00:00Z')

test('vouches for itself, for as long as it was told, and comes with its key', async () => {
  const pem = await makeOwnCertificate('cluster-7', { from: FROM, until: UNTIL })
  const certificate = new X509Certificate(pem)
  expect(certificate.subject).toBe('CN=cluster-7')
  expect(certificate.ca).toBe(true)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.checkPrivateKey(createPrivateKey(pem))).toBe(true)
  const { validFrom, validTo } = certificate
  expect([validFrom, validTo].map(time => new Date(time))).toEqual([FROM, UNTIL])
  expect(() => createSecureContext({ ca: pem, cert: pem, key: pem })).not.toThrow()
})

test('no two are the same', async () => {
  const [one, other] = await Promise.all([
    makeOwnCertificate('a', { from: FROM, until: UNTIL }),
    makeOwnCertificate('a', { from: FROM, until: UNTIL }),
  ])
  expect(new X509Certificate(one).serialNumber).not.toBe(new X509Certificate(other).serialNumber)
  expect(new X509Certificate(other).verify(new X509Certificate(one).publicKey)).toBe(false)
})
