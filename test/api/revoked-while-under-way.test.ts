/** A token that is valid when a request begins, and dead before its body has come. */
import { request as httpRequest } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listTokens } from '../../src/database/tokens.ts'
import { toTimestamp } from '../../src/lib/clock.ts'
import { PasswordHasher } from '../../src/lib/password.ts'
import { Users } from '../../src/service/users.ts'
import { Caller, type Answer } from '../support/caller.ts'
import { expectProblem } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let users: Users
const passwords = new PasswordHasher()

beforeAll(async () => {
  server = await startServer()
  users = new Users(server.database, server.clock.now)
})
afterAll(async () => {
  await server.stop()
  await passwords.close()
})

/** A user with two tokens: `user` calls with one, and `late` with the other, which was never used before. */
interface Prepared {
  readonly user: Caller
  readonly late: Caller
  readonly lateId: number
}

async function prepare(): Promise<Prepared> {
  const user = await server.user()
  const { id, token } = (await user.post('/tokens', { name: 'late' })).body as { id: number; token: string }
  return {
    user,
    late: new Caller({ url: server.url, token, id: user.id, username: user.username }),
    lateId: id,
  }
}

/** The user's tokens as they are stored, also when nobody can ask for them any more. */
const storedTokens = (user: Caller) =>
  listTokens(server.database.reads, user.id, {
    before: Number.MAX_SAFE_INTEGER,
    limit: 100,
    now: toTimestamp(server.clock.now()),
  })

/**
 * Sends the headers of a POST, and resolves once the server has found their token valid, which it shows by
 * noting when the token was last used. What it gives sends the body.
 */
async function beginPost({ late, lateId, user }: Prepared, path: string, body: object) {
  const text = JSON.stringify(body)
  const request = httpRequest(new URL(path, server.url), {
    method: 'POST',
    headers: {
      authorization: `Token ${late.token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    },
  })
  const answered = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', response => {
      json(response).then(parsed => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, text: '', body: parsed })
      }, reject)
    })
  })
  request.flushHeaders()
  await expect
    .poll(async () => (await storedTokens(user)).find(({ id }) => id === lateId)?.lastUsedAt)
    .toEqual(expect.any(String))
  return (): Promise<Answer> => {
    request.end(text)
    return answered
  }
}

// A token is looked at again before the work when the body took over a second; else by the transaction alone.
const WAITS_MS = [0, 1100]

const cluster = ({ user }: Prepared) => ({ creator: user.id, cpus: 1, memory: 1 })

const disable = ({ user }: Prepared) => users.disable(user.username)

const ENDS: readonly [string, (prepared: Prepared) => Promise<unknown>][] = [
  ['the token was revoked', ({ user, lateId }) => user.delete(`/tokens/${lateId}`)],
  ['the token was logged out', ({ late }) => late.post('/token/logout')],
  ['the user was disabled', disable],
  [
    'the user’s password was set anew',
    ({ user }) => users.setPassword(user.username, 'another password', passwords),
  ],
]

test('a body that comes late is taken all the same while the token is valid', async () => {
  for (const waitMs of WAITS_MS) {
    const prepared = await prepare()
    const [finishToken, finishCluster] = [
      await beginPost(prepared, '/tokens', { name: 'from the late one' }),
      await beginPost(prepared, '/clusters', cluster(prepared)),
    ]
    await sleep(waitMs)
    expect([(await finishToken()).status, (await finishCluster()).status]).toEqual([201, 201])
  }
})

test.each(ENDS)('POST /tokens whose body comes after %s is 401, and leaves no token', async (_name, end) => {
  await Promise.all(
    WAITS_MS.map(async waitMs => {
      const prepared = await prepare()
      const finish = await beginPost(prepared, '/tokens', { name: 'from a dead one' })
      await end(prepared)
      const before = await storedTokens(prepared.user)
      await sleep(waitMs)
      const answer = await finish()
      expectProblem(answer, 'not-authenticated')
      expect(answer.headers['www-authenticate']).toBe('Token')
      const after = await storedTokens(prepared.user)
      expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name))
    }),
  )
})

test('POST /tokens of a user who was disabled meanwhile leaves none for the day they are enabled', async () => {
  const prepared = await prepare()
  const finish = await beginPost(prepared, '/tokens', { name: 'from a dead one' })
  await disable(prepared)
  expectProblem(await finish(), 'not-authenticated')
  await users.enable(prepared.user.username)
  const { body } = await prepared.user.get('/tokens')
  expect((body as { name: string }[]).map(({ name }) => name)).toEqual(['late', 'login'])
})

test('POST /clusters whose body comes after the user was disabled is 401, and makes no cluster', async () => {
  await Promise.all(
    WAITS_MS.map(async waitMs => {
      const prepared = await prepare()
      const finish = await beginPost(prepared, '/clusters', cluster(prepared))
      await disable(prepared)
      await sleep(waitMs)
      expectProblem(await finish(), 'not-authenticated')
      // Enabled again, the user can look.
      await users.enable(prepared.user.username)
      expect((await prepared.user.get('/clusters')).body).toEqual([])
      const { used } = (await prepared.user.get('/users/me')).body as { used: { clusters: number } }
      expect(used.clusters).toBe(0)
    }),
  )
})

test.each(ENDS)(
  'POST /clusters whose body comes more than a second after %s is 401, and makes no cluster',
  async (_name, end) => {
    const prepared = await prepare()
    const finish = await beginPost(prepared, '/clusters', cluster(prepared))
    await end(prepared)
    await sleep(1100)
    expectProblem(await finish(), 'not-authenticated')
    const made = await server.database.reads
      .selectFrom('clusters')
      .select('id')
      .where('creator_id', '=', prepared.user.id)
      .execute()
    expect(made).toEqual([])
  },
)

test('a body that is faulty is not judged for a token that is dead by then', async () => {
  const prepared = await prepare()
  const finish = await beginPost(prepared, '/clusters', { cpus: 'many' })
  await prepared.user.delete(`/tokens/${prepared.lateId}`)
  await sleep(1100)
  expectProblem(await finish(), 'not-authenticated')
})
