// oxlint-disable-next-line import/no-unassigned-import -- the library below looks for what it adds
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const

/**
 * A certificate that vouches for itself, and its key, as one text in PEM: whoever has it and trusts nothing else can
 * be sure that the other side has it, too.
 */
export async function makeOwnCertificate(
  name: string,
  { from, until }: { from: Date; until: Date },
): Promise<string> {
  cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // Positive, and as long as it may be.
    serialNumber: `00${randomBytes(16).toString('hex')}`,
    name: [{ CN: [name] }],
    notBefore: from,
    notAfter: until,
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign, true),
    ],
  })
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  })
  return `${certificate.toString('pem')}\n${key.toString()}`
}
