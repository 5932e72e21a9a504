import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Caller, type Cluster } from '../support/caller.ts'
import { Random } from '../support/random.ts'
import { createFolder, logInAs, runCommand, spawnServer, type SpawnedServer } from '../support/spawn.ts'
import { listWorkerProcesses } from '../support/worker-processes.ts'

const PASSWORD = 'correct horse battery'
const ROUNDS = 10
/** Launches and stops that are asked for in each round; the kill comes somewhere among them. */
const LAUNCHES = 25
const STOPS = 25
const LONG_MS = 240_000

const isLinux = process.platform === 'linux'

interface Life {
  readonly settings: Record<string, string>
  readonly dataDir: string
  readonly token: string
  readonly id: number
}

function callerOf(server: SpawnedServer, { token, id }: Life): Caller {
  return new Caller({ url: server.url, token, id, username: 'ada' })
}

/** Asks for launches and stops until all are answered or the server is gone. */
async function work(caller: Caller, running: readonly number[], random: Random): Promise<void> {
  const tasks = [
    ...Array.from({ length: LAUNCHES }, () => () => caller.createCluster({ cpus: 0.1, memory: 0.1 })),
    ...running.slice(0, STOPS).map(id => () => caller.post(`/clusters/${id}/stop`)),
  ]
  const shuffled = tasks
    .map(task => ({ task, place: random.next() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ task }) => task)
  // What the kill leaves unanswered is what this test is about.
  await Promise.allSettled(shuffled.map(task => task()))
}

/** Once nothing is on its way any more: every cluster runs or has ended. */
async function settle(caller: Caller): Promise<Cluster[]> {
  for (let tries = 0; tries < 600; tries++) {
    const clusters = (await caller.get('/clusters')).body as Cluster[]
    const isSettled = clusters.every(({ status }) => ['running', 'stopped', 'failed'].includes(status))
    if (isSettled) return clusters
    await sleep(50)
  }
  throw new Error(`not settled: ${(await caller.get('/clusters')).text}`)
}

function listWorkerFolders(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'workers')).filter(name => /^[0-9a-f]{20}$/.test(name))
}

/** Exactly one worker for each running cluster, and nothing else. */
async function expectOneWorkerEach(
  caller: Caller,
  clusters: readonly Cluster[],
  dataDir: string,
): Promise<void> {
  const running = clusters.filter(({ status }) => status === 'running')
  expect(clusters.filter(({ status }) => status === 'failed')).toEqual([])
  const list = () => listWorkerProcesses(dataDir).filter(({ isLeader }) => isLeader)
  let leaders = list()
  // One that has just started is known by its environment a moment later, when it has become its program.
  for (let waitedMs = 0; leaders.length < running.length && waitedMs < 5000; waitedMs += 50) {
    await sleep(50)
    leaders = list()
  }
  expect(leaders.map(({ clusterId }) => clusterId).toSorted((a, b) => a - b)).toEqual(
    running.map(({ id }) => id).toSorted((a, b) => a - b),
  )
  for (const { clusterId, workerId } of leaders) {
    const workers = (await caller.get(`/clusters/${clusterId}/workers`)).body as { id: string }[]
    expect(workers.map(({ id }) => id)).toEqual([workerId])
  }
}

test.skipIf(!isLinux)(
  'kill -9 of the server in the middle of launches and stops, ten times: no worker is lost, none is there twice',
  async () => {
    const random = new Random(Number(process.env['CRASH_SEED'] ?? 1))
    const dataDir = createFolder()
    const settings = {
      CLUSTERS_DATA_DIR: dataDir,
      CLUSTERS_ENGINE: 'local',
      CLUSTERS_LOCAL_GRACE_SECONDS: '1',
      CLUSTERS_LOG_LEVEL: 'error',
    }
    await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
    let server = await spawnServer(settings)
    const { token = '', id } = await logInAs(server.url, 'ada', PASSWORD)
    const life: Life = { settings, dataDir, token, id }
    let running: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const working = work(callerOf(server, life), running, random)
      await sleep(random.below(400))
      await server.stop('SIGKILL')
      await working

      server = await spawnServer(settings)
      const caller = callerOf(server, life)
      const clusters = await settle(caller)
      await expectOneWorkerEach(caller, clusters, dataDir)
      running = clusters.filter(({ status }) => status === 'running').map(cluster => cluster.id)
    }
    expect(running.length, 'something was launched at all').toBeGreaterThan(0)

    const caller = callerOf(server, life)
    await Promise.all(running.map(clusterId => caller.post(`/clusters/${clusterId}/stop`)))
    await settle(caller)
    expect(listWorkerProcesses(dataDir)).toEqual([])
    expect(listWorkerFolders(dataDir)).toEqual([])
    expect((await caller.get('/users/me')).body).toMatchObject({
      used: { clusters: 0, cpus: 0, memory_gib: 0 },
    })
    expect((await server.stop()).code).toBe(0)
  },
  LONG_MS,
)

test.skipIf(!isLinux)(
  'a server that is told to end says what goes on without it, and the next one takes it up',
  async () => {
    const dataDir = createFolder()
    const settings = { CLUSTERS_DATA_DIR: dataDir, CLUSTERS_ENGINE: 'local', CLUSTERS_LOG_LEVEL: 'error' }
    await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
    const first = await spawnServer(settings)
    const ada = await logInAs(first.url, 'ada', PASSWORD)
    const { id } = await ada.createCluster({ workers: 2 })
    await ada.get(`/clusters/${id}?wait_for=running`)
    const before = listWorkerProcesses(dataDir)
    const { stdout, code } = await first.stop()
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^1 cluster goes on running without the server, with 2 workers: start it again to watch and stop them, or end all of them with rm -r \S+\/workers\/\*\/\.$/m,
    )
    expect(listWorkerProcesses(dataDir)).toEqual(before)

    const second = await spawnServer(settings)
    const again = new Caller({ url: second.url, token: ada.token ?? '', id: ada.id })
    expect((await again.get(`/clusters/${id}`)).body).toMatchObject({ status: 'running', ready_workers: 2 })
    expect(listWorkerProcesses(dataDir)).toEqual(before)
    await again.delete(`/clusters/${id}`)
    for (let tries = 0; tries < 200 && (await again.get(`/clusters/${id}`)).status !== 404; tries++)
      await sleep(50)
    expect((await again.get(`/clusters/${id}`)).status).toBe(404)
    expect(listWorkerProcesses(dataDir)).toEqual([])
    const ended = await second.stop()
    expect(ended.stdout).not.toContain('running')
  },
)

test.skipIf(!isLinux)(
  'what it says ends all workers without it, and the next one knows that they are gone',
  async () => {
    const dataDir = createFolder()
    const settings = { CLUSTERS_DATA_DIR: dataDir, CLUSTERS_ENGINE: 'local', CLUSTERS_LOG_LEVEL: 'error' }
    await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
    const first = await spawnServer(settings)
    const ada = await logInAs(first.url, 'ada', PASSWORD)
    const { id } = await ada.createCluster({ runtime: 'command', command: ['sleep', '1000'], workers: 2 })
    await ada.get(`/clusters/${id}?wait_for=running`)
    const [, command = ''] = /end all of them with (rm .*)\.\n/.exec((await first.stop()).stdout) ?? []
    execFileSync('sh', ['-c', command])
    // Their keepers look every 15 seconds.
    for (let tries = 0; tries < 600 && listWorkerProcesses(dataDir).length > 0; tries++) await sleep(100)
    expect(listWorkerProcesses(dataDir)).toEqual([])

    const second = await spawnServer(settings)
    const again = new Caller({ url: second.url, token: ada.token ?? '', id: ada.id })
    expect((await again.get(`/clusters/${id}?wait_for=failed`)).body).toMatchObject({
      status: 'failed',
      reason: 'worker_lost',
    })
    await second.stop()
  },
  LONG_MS,
)
