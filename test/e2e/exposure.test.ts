import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Caller, type Answer } from '../support/caller.ts'
import { createFolder, refuseCommand, runCommand, spawnServer } from '../support/spawn.ts'

/** Every address of the machine: others can reach it. */
const EXPOSED = { CLUSTERS_HOST: '0.0.0.0', CLUSTERS_PORT: '0' }
const BEHIND_PROXY = { ...EXPOSED, CLUSTERS_TRUST_PROXY: '127.0.0.1' }

/** As for a proxy on this machine that is not named. */
const ALLOWED = { CLUSTERS_PORT: '0', CLUSTERS_ALLOWED_HOSTS: 'localhost,clusters.example.org' }

test('a server that others can reach does not start without TLS or a proxy that does it', async () => {
  const settings = { ...EXPOSED, CLUSTERS_DATA_DIR: createFolder() }
  const sentence = await refuseCommand(['serve'], settings)
  for (const name of ['CLUSTERS_HOST', 'CLUSTERS_TLS_CERT', 'CLUSTERS_TLS_KEY', 'CLUSTERS_TRUST_PROXY']) {
    expect(sentence).toContain(name)
  }
  expect(await refuseCommand(['serve'], { ...settings, CLUSTERS_HOST: '::' })).toContain(
    'CLUSTERS_HOST is ::',
  )
})

test('a server that others can reach does not start while a sample user has the password hunter2', async () => {
  const data = { CLUSTERS_DATA_DIR: createFolder() }
  const exposed = { ...BEHIND_PROXY, ...data }
  expect(await refuseCommand(['serve', '--sample-users'], exposed)).toContain('the sample user alice')

  await runCommand(['user', 'passwd', 'alice'], data, 'a password of her own\n')
  expect(await refuseCommand(['serve'], exposed)).toContain('clusters user disable betty')

  await runCommand(['user', 'disable', 'betty'], data)
  const server = await spawnServer(exposed)
  expect(server.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
  await server.stop()

  await runCommand(['user', 'enable', 'betty'], data)
  expect(await refuseCommand(['serve'], exposed)).toContain('the sample user betty')
})

test.each([
  ['CLUSTERS_HOST is 0.0.0.0', BEHIND_PROXY],
  ['CLUSTERS_TRUST_PROXY is 10.0.0.1', { CLUSTERS_PORT: '0', CLUSTERS_TRUST_PROXY: '10.0.0.1' }],
  ['CLUSTERS_ALLOWED_HOSTS has clusters.example.org', ALLOWED],
])(
  '%s: users run programs here only when the operator says that they are trusted',
  async (reach, settings) => {
    const data = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_ENGINE: 'local' }
    const sentence = await refuseCommand(['serve'], { ...settings, ...data })
    expect(sentence).toContain(reach)
    expect(sentence).toContain('CLUSTERS_LOCAL_TRUST_USERS=yes')
    const server = await spawnServer({ ...settings, ...data, CLUSTERS_LOCAL_TRUST_USERS: 'yes' })
    await server.stop()
  },
)

test('a name of this machine alone exposes nothing', async () => {
  const server = await spawnServer({
    ...{ CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_ENGINE: 'local' },
    ...{ CLUSTERS_PORT: '0', CLUSTERS_ALLOWED_HOSTS: 'localhost,127.0.0.2' },
  })
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:/)
  await server.stop()
})

test('behind a trusted proxy, the protocol it names is believed: HSTS and a Secure cookie', async () => {
  const data = { CLUSTERS_DATA_DIR: createFolder() }
  const server = await spawnServer({ ...data, ...BEHIND_PROXY })
  const nobody = new Caller({ url: server.url.replace('0.0.0.0', '127.0.0.1') })
  const secure = await nobody.get('/token/login', { headers: { 'x-forwarded-proto': 'https' } })
  expect(secure.headers['strict-transport-security']).toMatch(/^max-age=\d{7,}/)
  expect(secure.headers['set-cookie']?.join()).toMatch(/; Secure/)
  const plain = await nobody.get('/token/login')
  expect(plain.headers['strict-transport-security']).toBeUndefined()
  expect(plain.headers['set-cookie']?.join()).not.toMatch(/Secure/)
  await server.stop()
})

/** The paths of a certificate for localhost and its key, or `undefined` without the program openssl. */
function createCertificate(): { cert: string; key: string } | undefined {
  const folder = createFolder()
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  try {
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    )
    return { cert, key }
  } catch {
    return undefined
  }
}

const certificate = createCertificate()
const anotherCertificate = createCertificate()

test.skipIf(certificate === undefined)(
  'with a certificate it serves TLS alone, with HSTS and a Secure cookie (needs openssl)',
  async () => {
    const { cert, key } = certificate ?? { cert: '', key: '' }
    const server = await spawnServer({
      ...EXPOSED,
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_TLS_CERT: cert,
      CLUSTERS_TLS_KEY: key,
    })
    expect(server.url).toMatch(/^https:\/\/0\.0\.0\.0:\d+$/)
    const url = server.url.replace('0.0.0.0', 'localhost')
    const answer = await getOverTls(`${url}/token/login`, readFileSync(cert))
    expect(answer.status).toBe(200)
    expect(answer.headers['strict-transport-security']).toMatch(/^max-age=\d{7,}/)
    expect(answer.headers['set-cookie']?.join()).toMatch(/csrftoken=[^;]+;.*; Secure/)

    const inTheClear = new Caller({ url: url.replace('https', 'http') })
    await expect(inTheClear.get('/healthz')).rejects.toThrow(/socket hang up|ECONNRESET|Parse Error/)
    expect((await server.stop()).code).toBe(0)
  },
)

test.skipIf(anotherCertificate === undefined)(
  'a certificate and the key of another one are refused in a sentence (needs openssl)',
  async () => {
    const sentence = await refuseCommand(['serve'], {
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_TLS_CERT: certificate?.cert ?? '',
      CLUSTERS_TLS_KEY: anotherCertificate?.key ?? '',
    })
    expect(sentence).toContain('CLUSTERS_TLS_')
  },
)

function getOverTls(url: string, ca: Buffer): Promise<Pick<Answer, 'status' | 'headers'>> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca }, response => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}
