import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Caller, Cluster } from '../support/caller.ts'
import { createFolder, logInAs, spawnServer, type SpawnedServer } from '../support/spawn.ts'
import { listWorkerProcesses } from '../support/worker-processes.ts'

/** For everything that keeps a cluster from running, its reason and message alone tell what happened and what to do. */

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0
const LONG_MS = 60_000

const folder = createFolder()
const config = join(folder, 'clusters.yaml')
let taken: ReturnType<typeof createServer> | undefined

interface Started {
  readonly server: SpawnedServer
  readonly alice: Caller
  readonly dataDir: string
  readonly settings: Record<string, string>
}

async function start(settings: Record<string, string> = {}): Promise<Started> {
  const dataDir = settings['CLUSTERS_DATA_DIR'] ?? createFolder()
  const all = {
    CLUSTERS_DATA_DIR: dataDir,
    CLUSTERS_ENGINE: 'local',
    CLUSTERS_LOCAL_GRACE_SECONDS: '1',
    CLUSTERS_LOG_LEVEL: 'error',
    ...settings,
  }
  const server = await spawnServer(all, { sampleUsers: true })
  return { server, alice: await logInAs(server.url, 'alice', 'hunter2'), dataDir, settings: all }
}

function command(...words: string[]): Record<string, unknown> {
  return { runtime: 'command', command: words }
}

async function waitFor(caller: Caller, id: number, status: string): Promise<Cluster> {
  return (await caller.get(`/clusters/${id}?wait_for=${status}&timeout=50`)).body as Cluster
}

/** What a user reads. */
function told({ status, reason, message }: Cluster): string {
  return `${status}, ${String(reason)}: ${String(message)}`
}

/** Once the cluster has this reason. */
async function waitForReason(caller: Caller, id: number, reason: string): Promise<Cluster> {
  for (let tries = 0; tries < 1000; tries++) {
    const cluster = (await caller.get(`/clusters/${id}`)).body as Cluster
    if (cluster['reason'] === reason) return cluster
    await sleep(20)
  }
  throw new Error(`never ${reason}: ${(await caller.get(`/clusters/${id}`)).text}`)
}

describe.skipIf(!isLinux)('a cluster on the engine local tells why it does not run', () => {
  let started: Started
  beforeAll(async () => {
    taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    writeFileSync(config, runtimesWith(port))
    started = await start({ CLUSTERS_CONFIG: config })
  })
  afterAll(async () => {
    for (const { id } of (await started.alice.get('/clusters')).body as Cluster[]) {
      await started.alice.post(`/clusters/${id}/stop`)
      await waitFor(started.alice, id, 'stopped')
    }
    await started.server.stop()
    taken?.close()
  })

  test.each([
    [
      'program not found',
      command('no-such-program'),
      /^failed, program_not_found: Worker 0 .*the program no-such-program was not found \(PATH=.+\): check its name, install it/,
    ],
    [
      'not executable',
      command('/etc/passwd'),
      /^failed, program_not_found: Worker 0 .*\/etc\/passwd is not executable/,
    ],
    [
      'exits at once',
      command('sh', '-c', 'echo no config >&2; exit 1'),
      /^failed, worker_exited: Worker 0 ended with exit code 1 after 0(\.\d)? s\. Its last output: no config\. GET \/clusters\/\d+\/logs\?worker=0 shows its output\.$/,
    ],
    [
      'exits with 3 after a while',
      command('sh', '-c', 'echo step 1; sleep 2; echo step 2; exit 3'),
      /^failed, worker_exited: Worker 0 ended with exit code 3 after 2(\.\d)? s\. Its last output: step 2\. GET \/clusters\/\d+\/logs\?worker=0 shows its output\.$/,
    ],
    [
      'killed by a signal',
      command('sh', '-c', 'kill -SEGV $$'),
      /^failed, worker_exited: Worker 0 was ended by the signal SIGSEGV after .* s: a fault in its program\. GET /,
    ],
  ])('%s', async (_name, fields, words) => {
    const { id } = await started.alice.createCluster(fields)
    expect(told(await waitFor(started.alice, id, 'failed'))).toMatch(words)
  })

  test.skipIf(!isRoot)('out of memory', async () => {
    const grow = 'x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done'
    const { id } = await started.alice.createCluster({ ...command('sh', '-c', grow), memory: 0.03125 })
    expect(told(await waitFor(started.alice, id, 'failed'))).toMatch(
      /^failed, out_of_memory: Worker 0 was over its memory of 0\.03125 GiB \(peak 0\.03\d* GiB\): ask for more/,
    )
  })

  test('a port that is taken', async () => {
    const { id } = await started.alice.createCluster({ runtime: 'taken' })
    expect(told(await waitForReason(started.alice, id, 'worker_lost'))).toMatch(
      /^(pending|starting|running), worker_lost: The scheduler ended with exit code 1 after .* s\. Its last output: .*EADDRINUSE.*\. Another one takes its place \(attempt \d of 5\)\.$/,
    )
  })

  test('a scheduler that is never ready', async () => {
    const { id } = await started.alice.createCluster({ runtime: 'deaf' })
    expect(told(await waitFor(started.alice, id, 'failed'))).toMatch(
      /^failed, start_timeout: Its scheduler and workers were not ready within 2 s of their start\. The scheduler does not answer yet: connect ECONNREFUSED 127\.0\.0\.1:\d+\. GET \/clusters\/\d+\/logs\?worker=scheduler shows its output\.$/,
    )
  })

  test(
    'a crash loop',
    async () => {
      const { id } = await started.alice.createCluster({ runtime: 'crashing' })
      expect(told(await waitFor(started.alice, id, 'failed'))).toMatch(
        /^failed, crash_loop: Worker 0 failed 5 times in a row\. The last time: Worker 0 ended with exit code 7 after 0(\.\d)? s\. Its last output: boom\. GET \/clusters\/\d+\/logs\?worker=0 shows its output\.$/,
      )
    },
    LONG_MS,
  )
})

/** Without Dask: schedulers and workers that fail in one way each. */
function runtimesWith(port: number): string {
  const listen = `require('http').createServer().listen(${port}, '127.0.0.1').on('error', e => { console.log(e.message); process.exit(1) })`
  return JSON.stringify({
    runtimes: {
      taken: {
        description: 'Its port is taken.',
        scheduler: { command: [process.execPath, '-e', listen], cpus: 1, memory: 1 },
        command: ['sleep', 'infinity'],
      },
      deaf: {
        description: 'Its scheduler listens on nothing.',
        scheduler: { command: ['sleep', 'infinity'], cpus: 1, memory: 1 },
        command: ['sleep', 'infinity'],
        ports: ['port'],
        readiness: { url: 'http://{scheduler_host}:{port}/', count: 'workers' },
        start_timeout_seconds: 2,
      },
      crashing: {
        description: 'Ends at once, again and again.',
        command: ['sh', '-c', 'echo boom; exit 7'],
      },
    },
  })
}

test.skipIf(!isLinux)(
  'not enough capacity: it waits with the numbers, or is refused when it never fits',
  async () => {
    const { server, alice } = await start({ CLUSTERS_LOCAL_CPUS: '2', CLUSTERS_LOCAL_MEMORY_GIB: '4' })
    const first = await alice.createCluster({ cpus: 2, memory: 1 })
    await waitFor(alice, first.id, 'running')
    const second = await alice.createCluster({ cpus: 1, memory: 1 })
    expect(told(await waitForReason(alice, second.id, 'waiting_for_capacity'))).toBe(
      'pending, waiting_for_capacity: Waits for room: it needs 1 CPU, and 2 of 2 are in use; ' +
        'it needs 1 GiB, and 1 of 4 are in use. It is the next one. Stop a cluster, or ask for less.',
    )
    const refused = await alice.post('/clusters', { creator: alice.id, cpus: 1, memory: 1, workers: 3 })
    expect(refused.status).toBe(400)
    expect(refused.text).toContain(
      'are too many for this server, which has 2 CPUs and 4 GiB for all clusters together',
    )
    await alice.post(`/clusters/${first.id}/stop`)
    expect(await waitFor(alice, second.id, 'running')).toMatchObject({ status: 'running' })
    await alice.post(`/clusters/${second.id}/stop`)
    await waitFor(alice, second.id, 'stopped')
    await server.stop()
  },
)

test.skipIf(!isLinux || !isRoot)('a work folder that is full, and one that is read-only', async () => {
  const dataDir = createFolder()
  const workers = join(dataDir, 'workers')
  mkdirSync(workers)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=4', 'tmpfs', workers])
  try {
    const { server, alice } = await start({ CLUSTERS_DATA_DIR: dataDir })
    const full = await alice.createCluster(command('true'))
    expect(told(await waitFor(alice, full.id, 'failed'))).toMatch(
      /^failed, launch_refused: Worker 0 could not be launched: The folder \S+\/workers is full \(ENOSPC\): free space there\.$/,
    )
    execFileSync('mount', ['-o', 'remount,ro', workers])
    const readOnly = await alice.createCluster(command('true'))
    expect(told(await waitFor(alice, readOnly.id, 'failed'))).toMatch(
      /^failed, launch_refused: Worker 0 could not be launched: The folder \S+\/workers is read-only \(EROFS\)/,
    )
    await server.stop()
  } finally {
    execFileSync('umount', [workers])
  }
})

test.skipIf(!isLinux)('lost while the server was down', async () => {
  const { server, alice, dataDir, settings } = await start()
  const lost = await alice.createCluster(command('sleep', 'infinity'))
  const ended = await alice.createCluster(command('sh', '-c', 'echo bye; sleep 1; exit 4'))
  await waitFor(alice, lost.id, 'running')
  await waitFor(alice, ended.id, 'running')
  await server.stop('SIGKILL')
  const [worker] = listWorkerProcesses(dataDir).filter(({ clusterId }) => clusterId === lost.id)
  rmSync(join(dataDir, 'workers', worker?.workerId ?? 'none'), { recursive: true })
  process.kill(worker?.pid ?? 0, 'SIGKILL')
  await sleep(1500)

  const { server: second, alice: again } = await start(settings)
  expect(told(await waitFor(again, lost.id, 'failed'))).toBe(
    'failed, worker_lost: Worker 0 is gone, and the engine does not know how it ended: it may have been removed by hand.',
  )
  expect(told(await waitFor(again, ended.id, 'failed'))).toMatch(
    /^failed, worker_exited: Worker 0 ended with exit code 4 after 1(\.\d)? s\. Its last output: bye\. GET \/clusters\/\d+\/logs\?worker=0 shows its output\.$/,
  )
  expect((await again.get(`/clusters/${ended.id}/logs`)).text).toBe('bye\n')
  await second.stop()
})
