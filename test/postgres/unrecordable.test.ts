import { expect, test } from 'vitest'
import type { Cluster } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { startServer } from '../support/start-server.ts'

test('words of an engine that PostgreSQL cannot store hold up their own cluster and no other', async () => {
  let fake: FakeLauncher | undefined
  const server = await startServer({
    launcher: clock => (fake = new FakeLauncher({ clock: clock.now })),
    settings: { CLUSTERS_LOG_LEVEL: 'silent' },
  })
  const ada = await server.user()
  const bad = await ada.createCluster({ name: 'bad' })
  const good = await ada.createCluster({ name: 'good' })
  if (fake === undefined) throw new Error('the server has made no launcher')
  fake.startsAs = ({ clusterId }) =>
    clusterId === bad.id
      ? { kind: 'queued', message: 'no room\0' }
      : { kind: 'started', startedAt: new Date() }
  await server.reconcile()
  const statusOf = async ({ id }: Cluster) => ((await ada.get(`/clusters/${id}`)).body as Cluster).status
  expect(await statusOf(good)).toBe('running')
  expect(await statusOf(bad)).toBe('pending')

  fake.start(fake.of(bad.id)[0]?.spec.id ?? '')
  await server.reconcile()
  expect(await statusOf(bad)).toBe('running')
  await server.stop()
})
