import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { Caller, type Cluster } from '../support/caller.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { createFolder, logInAs, runCommand, spawnServer, type SpawnedServer } from '../support/spawn.ts'
import { listWorkerProcesses } from '../support/worker-processes.ts'

const PASSWORD = 'correct horse battery'
const LONG_MS = 120_000

const postgresUrl = inject('postgresUrl')
const isPossible = postgresUrl !== undefined && process.platform === 'linux'

function callerOf(server: SpawnedServer, { token = '', id }: Caller): Caller {
  return new Caller({ url: server.url, token, id })
}

async function createAndWait(caller: Caller): Promise<Cluster> {
  const { id } = await caller.createCluster({ cpus: 0.1, memory: 0.1 })
  return (await caller.get(`/clusters/${id}?wait_for=running&timeout=30`)).body as Cluster
}

test.skipIf(!isPossible)(
  'two servers on one PostgreSQL: one runs the passes, and when it is killed the other goes on within 10 s',
  async () => {
    const dataDir = createFolder()
    const settings = {
      CLUSTERS_DATA_DIR: dataDir,
      CLUSTERS_DATABASE: await createTestDatabase(postgresUrl ?? ''),
      CLUSTERS_ENGINE: 'local',
      CLUSTERS_LOG_LEVEL: 'error',
    }
    await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
    const holder = await spawnServer(settings)
    const other = await spawnServer(settings)
    const ada = await logInAs(holder.url, 'ada', PASSWORD)
    const onOther = callerOf(other, ada)

    // Asked of the one that makes no passes: word of it reaches the one that does at once.
    const startedAt = performance.now()
    const clusters = [await createAndWait(onOther), await createAndWait(ada)]
    expect(clusters.map(({ status }) => status)).toEqual(['running', 'running'])
    expect(performance.now() - startedAt, 'not only by the timer').toBeLessThan(20_000)
    expect(listWorkerProcesses(dataDir)).toHaveLength(2)

    await holder.stop('SIGKILL')
    const killedAt = performance.now()
    const waited = await createAndWait(onOther)
    expect(waited.status).toBe('running')
    expect(performance.now() - killedAt, 'the other has taken over').toBeLessThan(10_000)
    const leaders = listWorkerProcesses(dataDir).filter(({ isLeader }) => isLeader)
    expect(leaders.map(({ clusterId }) => clusterId).toSorted((a, b) => a - b)).toEqual(
      [...clusters, waited].map(({ id }) => id),
    )

    for (const { id } of [...clusters, waited]) {
      await onOther.post(`/clusters/${id}/stop`)
      const stopped = await onOther.get(`/clusters/${id}?wait_for=stopped&timeout=30`)
      expect(stopped.body).toMatchObject({ status: 'stopped', reason: 'stopped_by_user' })
    }
    await sleep(100)
    expect(listWorkerProcesses(dataDir)).toEqual([])
    expect((await other.stop()).code).toBe(0)
  },
  LONG_MS,
)
