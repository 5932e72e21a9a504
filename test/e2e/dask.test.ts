import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Caller, type Cluster } from '../support/caller.ts'
import { computeOnDask, DASK_PYTHON, hasDask } from '../support/dask.ts'
import { createFolder, logInAs, runCommand, spawnServer } from '../support/spawn.ts'
import { listWorkerProcesses } from '../support/worker-processes.ts'

const PASSWORD = 'correct horse battery'
const LONG_MS = 120_000

/** The sum of the squares below 100, and the number of workers. */
const RESULT = '328350 2'

async function start(settings: Record<string, string> = {}) {
  const dataDir = createFolder()
  const all = {
    CLUSTERS_DATA_DIR: dataDir,
    CLUSTERS_ENGINE: 'local',
    CLUSTERS_DASK_PYTHON: DASK_PYTHON,
    CLUSTERS_LOG_LEVEL: 'error',
    ...settings,
  }
  await runCommand(['user', 'add', 'ada'], all, `${PASSWORD}\n`)
  const server = await spawnServer(all)
  return { dataDir, settings: all, server, ada: await logInAs(server.url, 'ada', PASSWORD) }
}

async function waitFor(caller: Caller, id: number, status: string): Promise<Cluster> {
  const cluster = (await caller.get(`/clusters/${id}?wait_for=${status}&timeout=60`)).body as Cluster
  expect(cluster, String(cluster['message'])).toMatchObject({ status })
  return cluster
}

test.skipIf(!hasDask())(
  'a Dask client computes on a cluster it got over the API, before and after a kill -9 of the server',
  async () => {
    const { dataDir, settings, server, ada } = await start()
    const { id } = await ada.createCluster({ runtime: 'dask', workers: 2, cpus: 1, memory: 1 })
    const cluster = await waitFor(ada, id, 'running')
    expect(cluster).toMatchObject({ ready_workers: 2, reason: 'ready', message: null })
    const address = String(cluster['address'])
    expect(address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
    expect(await computeOnDask(address, 2)).toBe(RESULT)

    await server.stop('SIGKILL')
    expect(await computeOnDask(address, 2), 'while there is no server').toBe(RESULT)
    const second = await spawnServer(settings)
    const again = new Caller({ url: second.url, token: ada.token ?? '', id: ada.id })
    expect(await waitFor(again, id, 'running')).toMatchObject({ address, ready_workers: 2 })
    expect(await computeOnDask(address, 2)).toBe(RESULT)
    expect((await again.get(`/clusters/${id}/logs?worker=scheduler`)).text).toContain(address)

    await again.post(`/clusters/${id}/stop`)
    await waitFor(again, id, 'stopped')
    expect(listWorkerProcesses(dataDir)).toEqual([])
    expect((await again.get(`/clusters/${id}/logs?worker=1`)).text).toContain('worker-1')
    await second.stop()
  },
  LONG_MS,
)

test.skipIf(!hasDask())(
  'a Dask cluster goes on when a worker is killed, and ends when it was idle for its time',
  async () => {
    const { dataDir, server, ada } = await start()
    const { id } = await ada.createCluster({
      ...{ runtime: 'dask', workers: 2, cpus: 1, memory: 1 },
      idle_timeout_seconds: 12,
    })
    const { address } = await waitFor(ada, id, 'running')
    const [victim] = listWorkerProcesses(dataDir).filter(({ isLeader }) => isLeader)
    const workers = (await ada.get(`/clusters/${id}/workers`)).body as { id: string; role: string }[]
    const worker = workers.find(({ role }) => role === 'worker')
    const leader = listWorkerProcesses(dataDir).find(({ workerId }) => workerId === worker?.id) ?? victim
    process.kill(leader?.pid ?? 0, 'SIGKILL')
    // While it is replaced the status stays, and the message says what happened.
    for (let tries = 0; tries < 400; tries++) {
      const { body } = await ada.get(`/clusters/${id}/workers`)
      const now = body as { id: string; status: string }[]
      if (now.every(({ id: workerId }) => workerId !== worker?.id)) break
      await sleep(25)
    }
    expect(await computeOnDask(String(address), 2)).toBe(RESULT)
    const events = (await ada.get(`/clusters/${id}/events`)).body as { reason: string; message: string }[]
    const lost = events.find(({ reason }) => reason === 'worker_lost')
    expect(lost?.message).toMatch(/^Worker 0 was ended by the signal SIGKILL after .* \(attempt 2 of 5\)\.$/s)

    const ended = await waitFor(ada, id, 'stopped')
    expect(ended).toMatchObject({ reason: 'idle_timeout' })
    expect(listWorkerProcesses(dataDir)).toEqual([])
    await server.stop()
  },
  LONG_MS,
)

test('a runtime whose program is missing is refused, with what to install', async () => {
  const { server, ada } = await start({ CLUSTERS_DASK_PYTHON: '/nowhere/python' })
  const post = () => ada.post('/clusters', { creator: ada.id, cpus: 1, memory: 1, runtime: 'dask' })
  // Until the engine has said what it can do, nothing is refused; that takes a moment.
  let answer = await post()
  for (let tries = 0; tries < 100 && answer.status === 201; tries++) {
    await sleep(50)
    answer = await post()
  }
  expect(answer.status).toBe(400)
  expect(answer.body).toMatchObject({
    errors: {
      runtime: [
        expect.stringMatching(/^cannot run here: .*\/nowhere\/python.*install.*CLUSTERS_DASK_PYTHON/),
      ],
    },
  })
  await server.stop()
})
