import { expect, inject, test } from 'vitest'
import { Caller, type Cluster } from '../support/caller.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { createFolder, logInAs, runCommand, spawnServer, type SpawnedServer } from '../support/spawn.ts'

const PASSWORD = 'correct horse battery'
const ROUNDS = 3
const CALLERS = 16
/** The server is killed when so many are acknowledged: some others are always under way then. */
const ACKNOWLEDGED = 60

/** What a caller sent, and the answer if one came. */
interface Attempt {
  readonly name: string
  readonly key: string | undefined
  acknowledged: string | undefined
}

function send(caller: Caller, { name, key }: Attempt) {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return caller.post('/clusters', { creator: caller.id, cpus: 0.1, memory: 0.1, name }, { headers })
}

/** Creates from several callers at once, every second one with a key, until the server is gone. */
async function createUntilKilled(server: SpawnedServer, caller: Caller, round: number): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  const killed = new AbortController()
  killed.signal.addEventListener('abort', () => void server.stop('SIGKILL'))
  let acknowledged = 0
  const work = async (worker: number) => {
    for (let n = 0; !killed.signal.aborted; n++) {
      const name = `r${round}-w${worker}-${n}`
      const attempt: Attempt = { name, key: n % 2 === 0 ? name : undefined, acknowledged: undefined }
      attempts.push(attempt)
      try {
        const answer = await send(caller, attempt)
        expect(answer.status).toBe(201)
        attempt.acknowledged = answer.text
        acknowledged += 1
        if (acknowledged === ACKNOWLEDGED) killed.abort()
      } catch (error) {
        // The connection broke before an answer came. Anything else is a finding.
        if (!killed.signal.aborted) throw error
        return
      }
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, worker) => work(worker)))
  expect((await server.stop('SIGKILL')).signal).toBe('SIGKILL')
  return attempts
}

/** By name; the test gives each request a name of its own. */
async function listByName(caller: Caller): Promise<Map<string, Cluster[]>> {
  const byName = new Map<string, Cluster[]>()
  let path: string | undefined = '/clusters'
  while (path !== undefined) {
    const page = await caller.get(path)
    for (const cluster of page.body as Cluster[]) {
      byName.set(cluster.name, [...(byName.get(cluster.name) ?? []), cluster])
    }
    path = /<([^>]+)>; rel="next"/.exec(String(page.headers.link ?? ''))?.[1]
  }
  return byName
}

async function expectNothingLostOrTwice(caller: Caller, attempts: readonly Attempt[]): Promise<void> {
  const stored = await listByName(caller)
  for (const { name, acknowledged } of attempts) {
    const found = stored.get(name) ?? []
    expect(found.length, `${name} is there more than once`).toBeLessThanOrEqual(1)
    if (acknowledged === undefined) continue
    expect(found, `${name} was acknowledged`).toEqual([JSON.parse(acknowledged)])
  }
  const clusters = [...stored.values()].flat()
  expect(new Set(clusters.map(({ id }) => id)).size).toBe(clusters.length)
  const used = { clusters: clusters.length, cpus: expect.closeTo(clusters.length / 10, 6) as unknown }
  expect((await caller.get('/users/me')).body).toMatchObject({ used })
}

/** Whoever heard nothing sends the request again with its key. */
async function retry(caller: Caller, attempts: readonly Attempt[]): Promise<void> {
  const before = await listByName(caller)
  for (const attempt of attempts.filter(({ key }) => key !== undefined)) {
    const answer = await send(caller, attempt)
    expect(answer.status, attempt.name).toBe(201)
    const [stored] = before.get(attempt.name) ?? []
    if (stored !== undefined) expect(answer.body, `${attempt.name} is on disk already`).toEqual(stored)
    if (attempt.acknowledged !== undefined) expect(answer.text).toBe(attempt.acknowledged)
    attempt.acknowledged = answer.text
  }
}

/** Resolves to the exit code of the last server. */
async function survive(settings: Record<string, string>): Promise<number | null> {
  await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
  const attempts: Attempt[] = []
  let server = await spawnServer(settings)
  const { token = '', id } = await logInAs(server.url, 'ada', PASSWORD)
  for (let round = 0; round < ROUNDS; round++) {
    const caller = new Caller({ url: server.url, token, id })
    const before = attempts.length
    attempts.push(...(await createUntilKilled(server, caller, round)))
    const unanswered = attempts.slice(before).filter(({ acknowledged }) => acknowledged === undefined)
    expect(unanswered.length, 'the kill came in the middle').toBeGreaterThan(0)

    server = await spawnServer(settings)
    const again = new Caller({ url: server.url, token, id })
    await expectNothingLostOrTwice(again, attempts)
    await retry(again, attempts.slice(before))
    await expectNothingLostOrTwice(again, attempts)
  }
  return (await server.stop()).code
}

const LONG_MS = 120_000

test(
  'on SQLite, what was acknowledged before a kill is there once, and a retry with its key makes no second',
  async () => {
    expect(await survive({ CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_LOG_LEVEL: 'error' })).toBe(0)
  },
  LONG_MS,
)

const postgresUrl = inject('postgresUrl')

test.skipIf(postgresUrl === undefined)(
  'on PostgreSQL, the same (needs PostgreSQL)',
  async () => {
    const database = await createTestDatabase(postgresUrl ?? '')
    const settings = { CLUSTERS_DATA_DIR: createFolder(), CLUSTERS_LOG_LEVEL: 'error' }
    expect(await survive({ ...settings, CLUSTERS_DATABASE: database })).toBe(0)
  },
  LONG_MS,
)
