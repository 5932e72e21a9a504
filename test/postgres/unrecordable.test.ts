import { expect, test } from 'vitest'
import type { Cluster } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { startServer } from '../support/start-server.ts'

/** A server, and the engine behind it. */
async function start() {
  let fake: FakeLauncher | undefined
  const server = await startServer({
    launcher: clock => (fake = new FakeLauncher({ clock: clock.now })),
    settings: { CLUSTERS_LOG_LEVEL: 'silent' },
  })
  const ada = await server.user()
  if (fake === undefined) throw new Error('the server has made no launcher')
  const read = async ({ id }: Cluster) => (await ada.get(`/clusters/${id}`)).body as Cluster
  return { server, fake, ada, read }
}

test('words of an engine are recorded without what PostgreSQL refuses', async () => {
  const { server, fake, ada, read } = await start()
  const cluster = await ada.createCluster({ runtime: 'command', command: ['work'] })
  fake.startsAs = () => ({ kind: 'queued', message: 'no room\0\nyet' })
  await server.reconcile()
  expect(await read(cluster)).toMatchObject({ reason: 'waiting_for_capacity', message: 'no room yet' })

  fake.end(fake.of(cluster.id)[0]?.spec.id ?? '', { exitCode: 3, message: 'broke\0 down' })
  await server.reconcile()
  const { status, message } = await read(cluster)
  expect(status).toBe('failed')
  expect(message).toContain('Worker 0 broke down')
  await server.stop()
})

test('what PostgreSQL cannot store holds up its own cluster and no other', async () => {
  const { server, fake, ada, read } = await start()
  const bad = await ada.createCluster({ name: 'bad' })
  const good = await ada.createCluster({ name: 'good' })
  const list = fake.list.bind(fake)
  fake.list = async recorded => {
    const { workers, gone } = await list(recorded)
    const isBad = (id: string) => fake.get(id).spec.clusterId === bad.id
    return { workers: workers.map(each => (isBad(each.id) ? { ...each, node: 'node\0' } : each)), gone }
  }
  await server.reconcile()
  expect((await read(good)).status).toBe('running')
  expect((await read(bad)).status).toBe('pending')

  fake.list = list
  await server.reconcile()
  expect((await read(bad)).status).toBe('running')
  await server.stop()
})
