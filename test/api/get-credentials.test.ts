import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller, Cluster } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'clusters-credentials-'))
const config = join(folder, 'clusters.yaml')
writeFileSync(
  config,
  `runtimes:
  crew:
    description: Workers that let nobody in.
    command: [work]
    scheduler: { command: [lead], cpus: 1, memory: 1 }
    credentials: crew.pem
`,
)

let fake: FakeLauncher
let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer({
    launcher: clock => (fake = new FakeLauncher({ clock: clock.now })),
    settings: { CLUSTERS_CONFIG: config },
  })
  alice = await server.user()
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const pathOf = ({ id }: Cluster) => `/clusters/${id}/credentials`

test('its creator gets what its workers have, as a file', async () => {
  const cluster = await alice.createCluster({ runtime: 'crew', workers: 2 })
  await server.reconcile()
  const answer = await alice.get(pathOf(cluster))
  expect(answer.status).toBe(200)
  expect(answer.headers['content-type']).toBe('application/x-pem-file')
  expect(answer.headers['content-disposition']).toBe(`attachment; filename="cluster-${cluster.id}.pem"`)
  expect(answer.headers['cache-control']).toContain('no-store')
  expect(() => createSecureContext({ cert: answer.text, key: answer.text, ca: answer.text })).not.toThrow()
  const workers = fake.of(cluster.id)
  expect(workers).toHaveLength(3)
  expect(workers.map(({ spec }) => spec.files)).toEqual(workers.map(() => ({ 'crew.pem': answer.text })))
  const words = workers.flatMap(({ spec }) => [...spec.command, ...Object.values(spec.environment)])
  expect(
    words.filter(word => word.includes('PRIVATE KEY')),
    'others see these',
  ).toEqual([])
})

test('they stay the same when workers are replaced, and no two clusters have the same', async () => {
  const cluster = await alice.createCluster({ runtime: 'crew' })
  const other = await alice.createCluster({ runtime: 'crew' })
  await server.reconcile()
  const before = (await alice.get(pathOf(cluster))).text
  expect((await alice.get(pathOf(other))).text).not.toBe(before)
  for (const { spec } of fake.of(cluster.id)) fake.end(spec.id, { exitCode: 1 })
  await server.reconcile()
  server.clock.advance(5000)
  await server.reconcile()
  expect(fake.of(cluster.id).map(({ spec }) => spec.files['crew.pem'])).toContain(before)
  expect((await alice.get(pathOf(cluster))).text).toBe(before)
})

test('nobody else gets them: not another user, not an administrator', async () => {
  const cluster = await alice.createCluster({ runtime: 'crew' })
  await server.reconcile()
  const missing = await alice.get('/clusters/999999/credentials')
  expectProblem(missing, 'not-found')
  for (const other of [await server.user(), await server.user({ isAdministrator: true })]) {
    const answer = await other.get(pathOf(cluster))
    expectProblem(answer, 'not-found')
    expect((answer.body as { detail: string }).detail).toBe((missing.body as { detail: string }).detail)
  }
})

test('says why there are none: not yet, not at all, not any more', async () => {
  const detailOf = async (cluster: Cluster) => {
    const answer = await alice.get(pathOf(cluster))
    expectProblem(answer, 'not-found')
    return (answer.body as { detail: string }).detail
  }
  const cluster = await alice.createCluster({ runtime: 'crew' })
  expect(await detailOf(cluster)).toBe(
    'The cluster has no credentials yet: they come with its first worker, if its workers use any.',
  )
  const plain = await alice.createCluster({ runtime: 'idle' })
  await server.reconcile()
  const none = 'The cluster has no credentials: its workers use none, or it has ended.'
  expect(await detailOf(plain)).toBe(none)
  expect((await alice.get(pathOf(cluster))).status).toBe(200)
  await alice.post(`/clusters/${cluster.id}/stop`)
  await server.reconcile()
  expect((await alice.get(`/clusters/${cluster.id}`)).body).toMatchObject({ status: 'stopped' })
  expect(await detailOf(cluster)).toBe(none)
})
