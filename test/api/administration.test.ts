/** What administrators see and do, below /admin. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '../support/caller.ts'
import { FakeLauncher } from '../support/fake-launcher.ts'
import { errorsOf, expectProblem, withoutRequestId } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let fake: FakeLauncher
let admin: Caller
let betty: Caller

beforeAll(async () => {
  server = await startServer({
    launcher: clock => (fake = new FakeLauncher({ clock: clock.now })),
    settings: { CLUSTERS_QUOTA_CPUS: '64', CLUSTERS_PRICE_CORE_HOUR: '1' },
  })
  admin = await server.user({ username: 'admin', isAdministrator: true })
  betty = await server.user({ username: 'betty' })
})
afterAll(() => server.stop())

interface User {
  readonly id: number
  readonly [field: string]: unknown
}
const findUser = async (id: number) =>
  ((await admin.get('/admin/users')).body as User[]).find(user => user.id === id)

/** The latest act. */
async function lastAct(): Promise<unknown> {
  const [act] = (await admin.get('/admin/audit?limit=1')).body as unknown[]
  return act
}

describe('users', () => {
  test('are listed with what they use and may use', async () => {
    await betty.createCluster({ cpus: 2, memory: 3, workers: 4 })
    expect(await findUser(betty.id)).toMatchObject({
      username: 'betty',
      is_administrator: false,
      disabled_at: null,
      quota: { clusters: null, cpus: 64, memory_gib: null },
      has_own_quota: false,
      used: { clusters: 1, cpus: 8, memory_gib: 12 },
    })
    expect(await findUser(admin.id)).toMatchObject({ is_administrator: true })
  })

  test('come in pages, the newest first', async () => {
    const users = [await server.user(), await server.user(), await server.user()]
    const first = await admin.get('/admin/users?limit=2')
    expect((first.body as User[]).map(({ id }) => id)).toEqual([users[2]?.id, users[1]?.id])
    const next = /^<(.*)>; rel="next"$/.exec(String(first.headers['link']))?.[1] ?? ''
    expect(next).toMatch(/^\/admin\/users\?limit=2&cursor=/)
    expect(((await admin.get(next)).body as User[])[0]?.id).toBe(users[0]?.id)
  })

  test('that are disabled have no token and no login; enabled again, their tokens work', async () => {
    const carol = await server.user()
    const disabled = await admin.post(`/admin/users/${carol.id}/disable`)
    expect(disabled.status).toBe(200)
    expect((disabled.body as User)['disabled_at']).toMatch(/^2/)
    expectProblem(await carol.get('/clusters'), 'not-authenticated')
    expect(await lastAct()).toMatchObject({
      administrator: 'admin',
      action: 'disable_user',
      user: carol.username,
    })
    // Once more is no act.
    const again = await admin.post(`/admin/users/${carol.id}/disable`)
    expect(again.body).toEqual(disabled.body)
    await admin.post(`/admin/users/${carol.id}/enable`)
    expect((await carol.get('/clusters')).status).toBe(200)
    expect(await lastAct()).toMatchObject({ action: 'enable_user', user: carol.username, quota: null })
    const acts = (await admin.get('/admin/audit')).body as { user: string }[]
    expect(acts.filter(({ user }) => user === carol.username)).toHaveLength(2)
  })

  test('an administrator cannot lock themselves out', async () => {
    const answer = await admin.post(`/admin/users/${admin.id}/disable`)
    expect(errorsOf(answer)).toEqual({ id: ['is your own: only another administrator can disable you'] })
  })

  test.each(['/admin/users/999999', '/admin/users/0', '/admin/users/x'])(
    'there is none at %s',
    async path => {
      expectProblem(await admin.patch(path, { quota: null }), 'not-found')
      expectProblem(await admin.post(`${path}/disable`), 'not-found')
      expectProblem(await admin.post(`${path}/enable`), 'not-found')
    },
  )
})

describe('a quota of one’s own', () => {
  const OWN = { clusters: 2, cpus: 100.5, memory_gib: null }

  test('takes the place of that of the server, and goes again', async () => {
    const dave = await server.user()
    const path = `/admin/users/${dave.id}`
    const creating = (cpus: number) =>
      dave.post('/clusters', { creator: dave.id, cpus, memory: 1, workers: 10 })
    expectProblem(await creating(10), 'quota-exceeded')
    const set = await admin.patch(path, { quota: OWN })
    expect(set.body).toMatchObject({ quota: OWN, has_own_quota: true })
    expect(await lastAct()).toMatchObject({ action: 'set_quota', user: dave.username, quota: OWN })
    expect((await dave.get('/users/me')).body).toMatchObject({ quota: OWN })
    const made = await creating(10)
    expect(made.status).toBe(201)
    expectProblem(await creating(1), 'quota-exceeded')
    const { id } = made.body as { id: number }
    expectProblem(await dave.patch(`/clusters/${id}`, { workers: 11 }), 'quota-exceeded')

    const reset = await admin.patch(path, { quota: null })
    expect(reset.body).toMatchObject({ quota: { cpus: 64 }, has_own_quota: false })
    expect(await lastAct()).toMatchObject({ action: 'set_quota', quota: null })
    // What is used above it goes on, and may get smaller.
    expect((await dave.patch(`/clusters/${id}`, { workers: 9 })).status).toBe(200)
    expectProblem(await dave.patch(`/clusters/${id}`, { workers: 10 }), 'quota-exceeded')
  })

  test.each([
    [{}, { quota: ['is required'] }],
    [{ quota: { ...OWN, cpus: -1 } }, { quota: ['cpus must be at least 0'] }],
    [
      { quota: { clusters: 1.5, cpus: null, memory_gib: null } },
      { quota: ['clusters must be a whole number or null'] },
    ],
  ])('refuses %j', async (body, errors) => {
    expect(errorsOf(await admin.patch(`/admin/users/${betty.id}`, body))).toEqual(errors)
  })
})

describe('clusters of others', () => {
  test('are listed by what they take, without what is in them', async () => {
    const erin = await server.user()
    const fields = {
      ...{ name: 'secret-name', cpus: 2, workers: 3, runtime: 'command' },
      ...{ command: ['secret-command'], environment: { SECRET: 'secret-value' } },
    }
    const { id } = await erin.createCluster(fields)
    const answer = await admin.get('/admin/clusters')
    expect((answer.body as User[])[0]).toMatchObject({
      ...{ id, creator: erin.id, creator_name: erin.username, cpus: 2, memory: 1, workers: 3 },
      ...{ status: 'pending', reason: 'launching', ready_workers: 0, started_at: null },
    })
    expect(answer.text).not.toContain('secret')
  })

  test('cannot be looked up, nor their parts', async () => {
    const { id } = await betty.createCluster()
    for (const path of ['', '/workers', '/logs', '/events', '/usage']) {
      expectProblem(await admin.get(`/clusters/${id}${path}`), 'not-found')
    }
  })

  test('can be stopped: the creator sees by whom, and the act is in the audit', async () => {
    const { id } = await betty.createCluster()
    await server.reconcile()
    const answer = await admin.post(`/admin/clusters/${id}/stop`)
    expect([answer.status, answer.body]).toEqual([202, { id, status: 'stopping' }])
    expect(await lastAct()).toMatchObject({ action: 'stop_cluster', user: 'betty', cluster: id })
    await server.reconcile()
    expect(fake.of(id)).toEqual([])
    expect((await betty.get(`/clusters/${id}`)).body).toMatchObject({
      status: 'stopped',
      reason: 'stopped_by_administrator',
    })
    const again = await admin.post(`/admin/clusters/${id}/stop`)
    expect([again.status, again.body]).toEqual([200, { id, status: 'stopped' }])
    const ended = (await admin.get('/admin/clusters')).body as User[]
    expect(ended.map(cluster => cluster.id)).not.toContain(id)
  })

  test('can be stopped when their creator is disabled', async () => {
    const frank = await server.user()
    const { id } = await frank.createCluster()
    await admin.post(`/admin/users/${frank.id}/disable`)
    expect((await admin.post(`/admin/clusters/${id}/stop`)).status).toBe(202)
    expect(await findUser(frank.id)).toMatchObject({ used: { clusters: 0, cpus: 0, memory_gib: 0 } })
  })

  test('there is none with this id', async () => {
    const answer = await admin.post('/admin/clusters/999999/stop')
    expectProblem(answer, 'not-found')
    expect(withoutRequestId(answer)).toEqual(withoutRequestId(await admin.post('/admin/clusters/x/stop')))
  })
})

test('/admin/engine says how it does, and what all clusters take', async () => {
  await server.reconcile()
  const { body } = await admin.get('/admin/engine')
  expect(body).toMatchObject({
    engine: fake.engine,
    home: fake.home,
    problem: null,
    described_at: expect.stringMatching(/^2/) as unknown,
    last_pass: { clusters: expect.any(Number) as unknown },
  })
  const before = body as { live: { clusters: number; workers: number; cpus: number } }
  await betty.createCluster({ cpus: 2, workers: 5 })
  expect((await admin.get('/admin/engine')).body).toMatchObject({
    live: {
      clusters: before.live.clusters + 1,
      workers: before.live.workers + 5,
      cpus: before.live.cpus + 10,
    },
  })
})

test('/admin/usage adds up each user', async () => {
  const gina = await server.user()
  await gina.createCluster({ cpus: 16, memory: 1, workers: 4 })
  await server.reconcile()
  server.clock.advance(3_600_000)
  const { body } = await admin.get('/admin/usage')
  const { users } = body as { users: { user: number; core_hours: number }[] }
  expect(users.find(({ user }) => user === gina.id)?.core_hours).toBeCloseTo(64, 0)
  expect(users.map(({ core_hours }) => core_hours)).toEqual(
    users.map(({ core_hours }) => core_hours).toSorted((a, b) => b - a),
  )
})

test('who is no administrator learns just that, also of what is not there', async () => {
  for (const path of ['/admin/users', '/admin/users/1/disable', '/admin/clusters/999/stop']) {
    const method = path === '/admin/users' ? 'GET' : 'POST'
    expectProblem(await betty.call(method, path), 'not-an-administrator')
  }
})
