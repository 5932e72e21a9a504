import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import type { ClusterEvent } from '../support/event-reader.ts'
import { nextPath, walk } from '../support/pages.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { recordLaunch } from '../support/worker-rows.ts'

let server: TestServer
let alice: Caller

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
})
afterAll(() => server.stop())

const eventsOf = async (caller: Caller, path: string) => (await caller.get(path)).body as ClusterEvent[]
const brief = (events: ClusterEvent[]) =>
  events.map(({ cluster, status, reason }) => [cluster, status, reason])

test('shows each change of a cluster, the newest first', async () => {
  const { id } = await alice.createCluster()
  await recordLaunch(server.database, { clusterId: id, creatorId: alice.id })
  await alice.post(`/clusters/${id}/stop`)
  // Neither is a change of its status.
  await alice.post(`/clusters/${id}/stop`)
  await alice.patch(`/clusters/${id}`, { name: 'other' })
  for (const path of [`/clusters/${id}/events`, `/clusters/${id}/events/`]) {
    expect(brief(await eventsOf(alice, path))).toEqual([
      [id, 'stopping', 'stopped_by_user'],
      [id, 'pending', 'none_configured'],
    ])
  }
})

test('/events shows those of all clusters of the caller, also of one that is gone', async () => {
  const carol = await server.user()
  expect((await carol.get('/events')).text).toBe('[]')
  const one = await carol.createCluster()
  const other = await carol.createCluster()
  await alice.createCluster()
  await carol.delete(`/clusters/${one.id}`)
  const events = await eventsOf(carol, '/events/')
  expect(brief(events)).toEqual([
    [one.id, 'stopped', 'stopped_by_user'],
    [other.id, 'pending', 'none_configured'],
    [one.id, 'pending', 'none_configured'],
  ])
  expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted((a, b) => b - a))
  expectProblem(await carol.get(`/clusters/${one.id}/events`), 'not-found')
  expect(brief(await eventsOf(carol, `/clusters/${other.id}/events`))).toHaveLength(1)
})

test('pages lead through all of them, while others come', async () => {
  const carol = await server.user()
  const { id } = await carol.createCluster()
  for (let count = 0; count < 6; count++) await carol.createCluster()
  await carol.post(`/clusters/${id}/stop`)
  const all = (await eventsOf(carol, '/events')).map(event => event.id)
  expect(all).toHaveLength(8)
  const pages = await walk(carol, '/events?limit=3', () => carol.createCluster())
  expect(pages).toEqual([all.slice(0, 3), all.slice(3, 6), all.slice(6)])
  const ofCluster = await walk(carol, `/clusters/${id}/events?limit=1`)
  expect(ofCluster).toEqual([[all[0]], [all[7]]])
  expect(nextPath(await carol.get(`/clusters/${id}/events?limit=1`))).toMatch(
    new RegExp(`^/clusters/${id}/events\\?limit=1&cursor=`),
  )
})

test('HEAD and a client that takes anything get the list', async () => {
  const head = await alice.call('HEAD', '/events')
  expect([head.status, head.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
  for (const accept of [
    '*/*',
    'application/json',
    'application/json, text/event-stream;q=0.5',
    'text/event-stream;q=0',
  ]) {
    const answer = await alice.get('/events', { headers: { accept } })
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.headers['vary']).toBe('accept')
  }
})

test.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=x'])('refuses %s', async query => {
  const [field = ''] = query.split('=')
  expect(Object.keys(errorsOf(await alice.get(`/events?${query}`)))).toEqual([field])
})

test('answers 404 for somebody else’s cluster just as for none, whatever is asked for', async () => {
  const { id } = await alice.createCluster()
  for (const caller of [await server.user(), await server.user({ isAdministrator: true })]) {
    for (const accept of ['application/json', 'text/event-stream']) {
      const theirs = await caller.get(`/clusters/${id}/events`, { headers: { accept } })
      expectProblem(theirs, 'not-found')
      const none = await caller.get('/clusters/999999999/events', { headers: { accept } })
      expect(withoutRequestId(theirs)).toEqual(withoutRequestId(none))
    }
  }
})
