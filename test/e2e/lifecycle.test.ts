import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Caller, type Answer } from '../support/caller.ts'
import { getCsrf, logIn as logInWithCsrf } from '../support/log-in.ts'
import { createFolder, logIn, logInAs, runCommand, spawnServer } from '../support/spawn.ts'

test('a start with sample users says how to log in, and both do', async () => {
  const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() }, { sampleUsers: true })
  expect(server.readyLine).toBe(
    `clusters serves on ${server.url}; log in as alice or betty, password hunter2`,
  )
  const alice = await logInAs(server.url, 'alice', 'hunter2')
  const betty = await logInAs(server.url, 'betty', 'hunter2')
  expect([alice.id, betty.id]).toEqual([1, 2])
  expect((await alice.createCluster({ cpus: 10, memory: 10 })).creator).toBe(1)
  await server.stop()
})

test('without being asked to, a start loads no sample users', async () => {
  const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() })
  expect(server.readyLine).toBe(`clusters serves on ${server.url}`)
  expect((await logIn(server.url, 'alice', 'hunter2')).status).toBe(400)
  await server.stop()
})

test('a second start loads the sample users no second time: what was changed stays', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  const first = await spawnServer(settings, { sampleUsers: true })
  const cluster = await (await logInAs(first.url, 'alice', 'hunter2')).createCluster()
  await first.stop()
  await runCommand(['user', 'passwd', 'alice'], settings, 'a password of her own\n')

  const second = await spawnServer(settings, { sampleUsers: true })
  expect((await logIn(second.url, 'alice', 'hunter2')).status).toBe(400)
  const alice = await logInAs(second.url, 'alice', 'a password of her own')
  expect((await alice.get('/clusters')).body).toEqual([cluster])
  await second.stop()
})

test('sample users are never added to a database that has users of its own', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder() }
  await runCommand(['user', 'add', 'ada'], settings, 'correct horse battery\n')
  const server = await spawnServer(settings, { sampleUsers: true })
  expect(server.readyLine).toBe(`clusters serves on ${server.url}`)
  expect((await logIn(server.url, 'alice', 'hunter2')).status).toBe(400)
  await server.stop()
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s answers the requests under way, takes no more, and ends with 0',
  async signal => {
    const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() }, { sampleUsers: true })
    const underWay = await beginLogin(server.url)
    await sleep(400)
    const ended = server.stop(signal)
    await waitUntilRefused(server.url)
    expect((await underWay.answer).status).toBe(400)
    const answeredAt = performance.now()
    expect(await ended).toMatchObject({ code: 0, signal: null })
    // The client would keep its connection; there is nothing more to wait for.
    expect(performance.now() - answeredAt, 'ms from the last answer to the end').toBeLessThan(2000)
  },
)

/** A failed login takes a second. Its request is the next thing that the server gets. */
async function beginLogin(url: string): Promise<{ answer: Promise<Answer> }> {
  const nobody = new Caller({ url })
  const csrf = await getCsrf(nobody)
  return { answer: logInWithCsrf(nobody, csrf, { username: 'alice', password: 'wrong' }) }
}

/** On a busy machine a signal takes its time. */
async function waitUntilRefused(url: string): Promise<void> {
  for (;;) {
    const answer = await new Caller({ url }).get('/healthz').catch(String)
    // A connection may still come about, and is closed then.
    if (typeof answer === 'string' && answer.includes('ECONNREFUSED')) return
  }
}

test('a client that stays connected and says nothing does not hold up the end', async () => {
  const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() })
  const answer = await fetch(`${server.url}/healthz`, { headers: { connection: 'keep-alive' } })
  await answer.text()
  const startedAt = performance.now()
  expect((await server.stop()).code).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(5000)
})

test('a second signal ends at once, with 1', async () => {
  const server = await spawnServer({ CLUSTERS_DATA_DIR: createFolder() }, { sampleUsers: true })
  const { answer } = await beginLogin(server.url)
  const underWay = answer.catch(() => 'cut off')
  await sleep(400)
  const ended = server.stop('SIGTERM')
  // Two that come while it is busy are one.
  const again = setInterval(() => void server.stop('SIGTERM'), 50)
  expect((await ended).code).toBe(1)
  clearInterval(again)
  expect(await underWay).toBe('cut off')
})
