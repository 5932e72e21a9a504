import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Caller } from '../support/caller.ts'
import { createFolder, logIn, logInAs, runCommand, spawnServer } from '../support/spawn.ts'

const PASSWORD = 'correct horse battery'

interface Line {
  readonly request_id?: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** Every line is JSON. */
function parseLog(log: string): Line[] {
  return log
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)
}

const requestsOf = (log: string) => parseLog(log).filter(({ msg }) => msg === 'request')

async function startWithAda(level: string) {
  const settings = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_LOG_LEVEL: level }
  await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
  return await spawnServer(settings)
}

test('at level info each request is one line of JSON, with the id that its answer has', async () => {
  const server = await startWithAda('info')
  const ada = await logInAs(server.url, 'ada', PASSWORD)
  const { id } = await ada.createCluster()
  await ada.get(`/clusters/${id}/?limit=nonsense`)
  const missing = await ada.get('/clusters/999')
  const nobody = await new Caller({ url: server.url }).get('/nowhere')
  await server.stop()

  const lines = requestsOf(server.log()).slice(-4)
  expect(lines).toMatchObject([
    { method: 'POST', path: '/clusters', status: 201, user: ada.id, address: '127.0.0.1' },
    { method: 'GET', path: `/clusters/${id}/`, status: 400 },
    { method: 'GET', path: '/clusters/999', status: 404 },
    { method: 'GET', path: '/nowhere', status: 401 },
  ])
  const ids = lines.map(line => line.request_id)
  expect(new Set(ids).size).toBe(4)
  expect(ids.slice(2)).toEqual(
    [missing, nobody].map(({ body }) => (body as { request_id: string }).request_id),
  )
  for (const line of lines) {
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(line['ms']).toBeTypeOf('number')
  }
})

test('no token, password, CSRF value or environment value is ever in the log, whatever was sent', async () => {
  const secrets = {
    environment: 'env-s3cret-1',
    body: 'body-s3cret-2',
    wrong: 'wrong-s3cret-3',
    form: 'form-s3cret-4',
    field: 'field-s3cret-5',
  }
  const server = await startWithAda('trace')
  const ada = await logInAs(server.url, 'ada', PASSWORD)
  const token = ada.token ?? ''
  const named = await ada.post('/tokens', { name: 'nightly' })
  const { token: namedToken } = named.body as { token: string }

  await ada.createCluster({ environment: { API_KEY: secrets.environment } })
  await ada.post('/clusters', {
    creator: ada.id,
    cpus: 99,
    memory: 1,
    environment: { K: secrets.environment },
  })
  await ada.post('/clusters', { creator: ada.id, cpus: 1, memory: 1, environment: secrets.field })
  await logIn(server.url, 'ada', secrets.wrong)
  const nobody = new Caller({ url: server.url })
  const json = { 'content-type': 'application/json' }
  await nobody.post('/token/login', undefined, { raw: `{"password": "${secrets.body}"`, headers: json })
  await ada.post('/clusters', undefined, { raw: `{"environment": {"K": "${secrets.body}"}`, headers: json })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  await nobody.post('/token/login', undefined, { raw: `password=${secrets.form}`, headers: form })
  for (const path of tokenPaths(token)) await ada.get(path)
  await ada.get('/clusters', { headers: { authorization: `Token ${token}x` } })
  await ada.get('/clusters', { headers: { authentication: `Bearer ${namedToken}` } })
  await ada.post('/token/logout')
  await server.stop()

  const log = server.log()
  expect(requestsOf(log).length).toBeGreaterThan(15)
  for (const secret of [...Object.values(secrets), PASSWORD, token, namedToken]) {
    expect(log.includes(secret), secret).toBe(false)
    expect(log.includes(secret.slice(4)), `${secret} without its beginning`).toBe(false)
  }
})

/** Everywhere somebody may put a token by mistake. */
function tokenPaths(token: string): string[] {
  return [
    `/clusters?token=${token}`,
    `/clusters?${token}`,
    `/clusters/${token}`,
    `/${token}/clusters`,
    `/tokens/${token}/`,
    `/problems/${token}`,
    `/clusters;token=${token}`,
    `/clusters/${token.replace('_', '%5F')}`,
    `/clusters/${token.replace('clu', '%63lu')}`,
    `/${'x'.repeat(160)}/${token}`,
  ]
}

test('a very long address is cut in the log', async () => {
  const server = await startWithAda('info')
  await new Caller({ url: server.url }).get(`/clusters/${'99999/'.repeat(1300)}`)
  await server.stop()
  const [line] = requestsOf(server.log())
  const path = String(line?.['path'])
  expect(path).toMatch(/^\/clusters\/99999/)
  expect(path.length).toBeLessThanOrEqual(200)
})

test('an address cannot break out of its line', async () => {
  const server = await startWithAda('info')
  const nobody = new Caller({ url: server.url })
  await nobody.get('/clusters/%0A%7B%22msg%22%3A%22forged%22%7D')
  await nobody.get('/clusters/"}{"msg":"forged"}')
  await server.stop()
  expect(parseLog(server.log()).map(({ msg }) => msg)).toEqual(['request', 'request'])
})

test.each(['warn', 'error', 'silent'])('at level %s no request is logged', async level => {
  const server = await startWithAda(level)
  const ada = await logInAs(server.url, 'ada', PASSWORD)
  await ada.createCluster()
  await ada.get('/clusters/999')
  await sleep(300)
  await server.stop()
  expect(server.log()).toBe('')
})
