import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Insertable } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterSchema } from '../../src/api/schemas/cluster.ts'
import { listNewClustersJson } from '../../src/database/cluster-json.ts'
import { insertClusters } from '../../src/database/clusters.ts'
import type { Database } from '../../src/database/database.ts'
import type { Tables } from '../../src/database/tables.ts'
import type { Caller } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let database: Database
let ada: Caller

beforeAll(async () => {
  server = await startServer()
  database = server.database
  ada = await server.user()
})
afterAll(() => server.stop())

const NOW = '2026-11-23T10:00:00.000Z'

const GOOD_CLUSTER = {
  id: 1000,
  creator_id: 1,
  name: 'a-name',
  cpus: 1,
  memory: 1,
  workers: 1,
  runtime: 'idle',
  command: null,
  environment: '{}',
  status: 'pending',
  reason: 'none_configured',
  message: null,
  engine: 'none',
  home: 'none',
  ready_workers: 0,
  address: null,
  idle_timeout_seconds: null,
  lifetime_seconds: null,
  expires_at: null,
  created_at: NOW,
  started_at: null,
  ready_at: null,
  ended_at: null,
} as const

const ajv = new Ajv2020({ strict: false, allErrors: true })
;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
const validateCluster = ajv.compile(clusterSchema)

/** The JSON that the database makes of a row, by all three ways that lead to it. */
async function readJson(row: Insertable<Tables['clusters']>): Promise<unknown> {
  const id = row.id
  await database.transaction(trx => trx.insertInto('clusters').values(row).execute())
  const one = (await ada.get(`/clusters/${id}`)).body
  const list = (await ada.get('/clusters')).body as { id: number }[]
  expect(list.find(cluster => cluster.id === id)).toEqual(one)
  await database.transaction(trx => trx.deleteFrom('clusters').where('id', '=', id).execute())
  return one
}

test('the JSON of a new cluster has just the keys of its schema, and is valid by it', async () => {
  const [json = ''] = await database.transaction(async trx => {
    const row = { ...GOOD_CLUSTER, id: 2000, creator_id: ada.id }
    await insertClusters.run(trx, database.dialect, [row], row)
    return await listNewClustersJson(trx, database.dialect, { firstId: 2000, count: 1 })
  })
  const body = JSON.parse(json) as object
  expect(Object.keys(body).toSorted()).toEqual(Object.keys(clusterSchema.properties).toSorted())
  expect(validateCluster(body) ? [] : validateCluster.errors).toEqual([])
  expect((await ada.get('/clusters/2000')).body).toEqual(body)
  await database.transaction(trx => trx.deleteFrom('clusters').where('id', '=', 2000).execute())
})

test('the JSON of a cluster in which every field is set is valid, and says what the row says', async () => {
  const environment = { A: 'line\nline', QUOTE: '"\'\\', EMOJI: '🦜', EMPTY: '' }
  const body = await readJson({
    ...GOOD_CLUSTER,
    creator_id: ada.id,
    cpus: 0.5,
    memory: 127.25,
    workers: 1000,
    runtime: 'command',
    command: JSON.stringify(['sh', '-c', 'echo "$A"', '']),
    environment: JSON.stringify(environment),
    status: 'failed',
    reason: 'out_of_memory',
    message: 'OOM: "worker 3" — 12 GiB',
    ready_workers: 7,
    address: 'tcp://10.0.0.5:8786',
    idle_timeout_seconds: 1,
    lifetime_seconds: 31_536_000,
    expires_at: '2027-11-23T10:00:00.001Z',
    started_at: '2026-11-23T10:00:00.120Z',
    ready_at: '2026-11-23T23:59:59.999Z',
    ended_at: '2028-02-29T00:00:00.000Z',
  })
  expect(validateCluster(body) ? [] : validateCluster.errors).toEqual([])
  expect(body).toMatchObject({
    cpus: 0.5,
    memory: 127.25,
    command: ['sh', '-c', 'echo "$A"', ''],
    environment,
    message: 'OOM: "worker 3" — 12 GiB',
    expires_at: '2027-11-23T10:00:00.001Z',
    started_at: '2026-11-23T10:00:00.120Z',
    ready_at: '2026-11-23T23:59:59.999Z',
    ended_at: '2028-02-29T00:00:00.000Z',
  })
})

test('cpus and memory come back as the very numbers that went in', async () => {
  const numbers = [1, 10, 16, 0.5, 0.1, 0.1 + 0.2, 1 / 3, 2 / 3, Math.PI, 15.999999999999998, 1e-7, 2.3e-16]
  for (const number of numbers) {
    const body = (await readJson({ ...GOOD_CLUSTER, creator_id: ada.id, cpus: number, memory: number })) as {
      cpus: number
      memory: number
    }
    expect([body.cpus, body.memory]).toEqual([number, number])
  }
})

test('however little above 0 a number is, it is above 0', async () => {
  for (const little of [1e-16, 1e-30, Number.MIN_VALUE]) {
    const answer = await ada.post('/clusters', { creator: ada.id, cpus: little, memory: little })
    expect(answer, String(little)).toMatchObject({ status: 201, body: { cpus: little, memory: little } })
  }
})
