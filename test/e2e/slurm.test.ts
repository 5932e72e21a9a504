import { spawn } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeOwnCertificate } from '../../src/lib/certificate.ts'
import { Caller, type Cluster } from '../support/caller.ts'
import { computeOnDask, DASK_PYTHON, hasDask } from '../support/dask.ts'
import { Random } from '../support/random.ts'
import { hasSlurm, SlurmSite } from '../support/slurm.ts'
import {
  cleanEnvironment,
  collect,
  createFolder,
  logInAs,
  refuseCommand,
  runCommand,
  spawnServer,
  type SpawnedServer,
} from '../support/spawn.ts'

const PASSWORD = 'correct horse battery'
const LONG_MS = 300_000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface WorkerBody {
  readonly id: string
  readonly role: string
  readonly index: number
  readonly node: string | null
  readonly status: string
  readonly reason: string | null
}

describe.skipIf(!hasSlurm())('on a real Slurm', () => {
  let site: SlurmSite
  beforeAll(async () => {
    // Room for the scheduler and one worker of 5 GiB on a node, and not for two.
    site = await SlurmSite.start({ nodes: 3, cpus: 32, memoryMib: 8192 })
  })
  afterAll(() => site.stop())

  function createSettings(): Record<string, string> {
    return {
      ...site.environment,
      CLUSTERS_DATA_DIR: createFolder(),
      CLUSTERS_ENGINE: 'slurm',
      CLUSTERS_DASK_PYTHON: DASK_PYTHON,
      CLUSTERS_LOG_LEVEL: 'error',
    }
  }

  async function start(settings: Record<string, string>) {
    await runCommand(['user', 'add', 'ada'], settings, `${PASSWORD}\n`)
    const server = await spawnServer(settings)
    return { server, ada: await logInAs(server.url, 'ada', PASSWORD) }
  }

  const again = (server: SpawnedServer, { token, id }: Caller) =>
    new Caller({ url: server.url, token: token ?? '', id })

  async function waitFor(caller: Caller, id: number, isSo: (cluster: Cluster) => boolean): Promise<Cluster> {
    for (const startedAt = performance.now(); ; await sleep(100)) {
      const cluster = (await caller.get(`/clusters/${id}`)).body as Cluster
      if (isSo(cluster)) return cluster
      if (performance.now() - startedAt > 120_000) throw new Error(JSON.stringify(cluster))
    }
  }

  async function listWorkers(caller: Caller, id: number): Promise<WorkerBody[]> {
    return (await caller.get(`/clusters/${id}/workers`)).body as WorkerBody[]
  }

  test.skipIf(!hasDask())(
    'Dask over three nodes: its creator alone computes on it, it outlives a node, and stop leaves no job',
    async () => {
      const settings = createSettings()
      const { server, ada } = await start(settings)
      const mine = { ...settings, CLUSTERS_URL: server.url, CLUSTERS_TOKEN: ada.token ?? '' }
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await runCommand(args, mine)
        expect(code, stderr).toBe(0)
        return stdout.trim()
      }
      const id = Number(await run('create', '-r', 'dask', '-w', '3', '-c', '1', '-m', '5', '--wait'))
      const cluster = await waitFor(ada, id, ({ status }) => status === 'running')
      const address = String(cluster['address'])
      expect(address).toMatch(/^tls:\/\/127\.0\.0\.1:\d+$/)
      const workers = await listWorkers(ada, id)
      const ofRole = (role: string) => workers.filter(worker => worker.role === role)
      expect(new Set(ofRole('worker').map(({ node }) => node)).size).toBe(3)

      const pem = join(createFolder(), 'cluster.pem')
      await run('credentials', String(id), '--output', pem)
      expect(statSync(pem).mode & 0o777).toBe(0o600)
      expect(await computeOnDask(address, 3, pem)).toBe('328350 3')
      await expect(computeOnDask(address, 3), 'without it').rejects.toThrow(/TLS|ssl/i)
      const foreign = join(createFolder(), 'foreign.pem')
      const now = Date.now()
      writeFileSync(
        foreign,
        await makeOwnCertificate('cluster-1', { from: new Date(now - 1e6), until: new Date(now + 1e9) }),
      )
      await expect(computeOnDask(address, 3, foreign), 'with another one').rejects.toThrow(/TLS|ssl/i)

      const ofScheduler = ofRole('scheduler')[0]?.node
      const lost = ofRole('worker').find(({ node }) => node !== ofScheduler)
      await site.killNode(lost?.node ?? '')
      expect(await computeOnDask(address, 2, pem), 'the others go on').toBe('328350 2')
      const waiting = await waitFor(
        ada,
        id,
        ({ reason }) => reason === 'waiting_for_capacity' || reason === 'worker_lost',
      )
      expect(waiting['status']).toBe('running')
      site.startNode(lost?.node ?? '')
      await waitFor(ada, id, ({ reason, ready_workers: ready }) => reason === 'ready' && ready === 3)
      expect(await computeOnDask(address, 3, pem)).toBe('328350 3')
      const replaced = (await listWorkers(ada, id)).find(
        ({ index, role }) => index === lost?.index && role === 'worker',
      )
      expect(replaced?.id).not.toBe(lost?.id)

      await run('stop', String(id), '--wait')
      expect(await site.listJobs()).toEqual([])
      expect((await server.stop()).code).toBe(0)
    },
    LONG_MS,
  )

  test(
    'kill -9 of the server in the middle of launches, ten times: no worker is lost, none is there twice',
    async () => {
      const random = new Random(Number(process.env['CRASH_SEED'] ?? 1))
      const settings = createSettings()
      let { server, ada } = await start(settings)
      const ids: number[] = []
      for (let round = 0; round < 10; round++) {
        const created = await ada.createCluster({ workers: 2, memory: 0.1 })
        ids.push(created.id)
        await sleep(random.below(350))
        await server.stop('SIGKILL')
        server = await spawnServer(settings)
        ada = again(server, ada)
      }
      for (const id of ids) await waitFor(ada, id, ({ status }) => status === 'running')
      const workers = (await Promise.all(ids.map(id => listWorkers(ada, id)))).flat()
      expect(workers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'started'))
      expect(await site.listJobs(), 'a job for each worker, and no other').toHaveLength(20)
      await Promise.all(ids.map(id => ada.post(`/clusters/${id}/stop`)))
      for (const id of ids) await waitFor(ada, id, ({ status }) => status === 'stopped')
      expect(await site.listJobs()).toEqual([])
      expect((await ada.get('/users/me')).body).toMatchObject({
        used: { clusters: 0, cpus: 0, memory_gib: 0 },
      })
      expect((await server.stop()).code).toBe(0)
    },
    LONG_MS,
  )

  test(
    'Slurm that does not answer changes no status; what waits says why; a fraction of a CPU is rounded up and said',
    async () => {
      const settings = createSettings()
      const { server, ada } = await start(settings)
      const { id } = await ada.createCluster({ workers: 2, cpus: 1.5, memory: 0.1 })
      const running = await waitFor(ada, id, ({ status }) => status === 'running')
      expect(running['message']).toBe(
        'The engine gives whole CPUs: each worker has 2 CPUs for the 1.5 it asked for.',
      )
      const before = await listWorkers(ada, id)
      const { body } = await ada.post('/clusters', { creator: ada.id, cpus: 1, memory: 9 })
      expect(body).toMatchObject({
        errors: { memory: ['must be at most 8: the largest worker that can be placed here has 8 GiB'] },
      })

      await site.stopController()
      await waitFor(ada, id, ({ reason }) => reason === 'engine_unreachable')
      expect((await listWorkers(ada, id)).map(({ status }) => status)).toEqual(['started', 'started'])
      site.startController()
      const back = await waitFor(ada, id, ({ reason }) => reason === 'ready')
      expect(back['status']).toBe('running')
      expect(await listWorkers(ada, id)).toEqual(before)
      await site.waitForNodes(3)

      // 40 workers of 0.7 GiB are more than there is room for.
      const many = await ada.createCluster({ workers: 40, cpus: 1, memory: 0.7 })
      await waitFor(
        ada,
        many.id,
        ({ reason, message }) =>
          reason === 'waiting_for_capacity' &&
          /^Slurm: (Resources|Priority) \(other jobs /.test(String(message)),
      )
      for (const each of [id, many.id]) await ada.post(`/clusters/${each}/stop`)
      for (const each of [id, many.id]) await waitFor(ada, each, ({ status }) => status === 'stopped')
      expect(await site.listJobs()).toEqual([])
      expect((await server.stop()).code).toBe(0)
    },
    LONG_MS,
  )

  test.skipIf(!hasDask())(
    'the commands of docs/slurm.md do what it says',
    async () => {
      const page = readFileSync(new URL('../../docs/slurm.md', import.meta.url), 'utf8')
      const shared = join(createFolder(), 'shared')
      const blocks = [...page.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, text = '']) =>
        text.replaceAll('/shared/clusters', shared),
      )
      expect(blocks).toHaveLength(4)
      const [tryOut = '', dask = '', endAll = '', jobs = ''] = blocks
      const settings = { ...createSettings(), CLUSTERS_SLURM_FOLDER: shared, HOME: createFolder() }
      const run = async (script: string, more: Record<string, string> = {}) => {
        const bash = spawn('bash', ['-ec', script], {
          cwd: ROOT,
          env: cleanEnvironment({ ...settings, ...more }),
        })
        const ended = await collect(bash)
        expect(ended.code, ended.stderr).toBe(0)
        return ended.stdout
      }
      const shown = /^```text\n(ok {4}engine.*?)^```$/ms.exec(page)?.[1] ?? ''
      const checks = (text: string) => text.match(/^ok {4}[a-z ]+:/gm)
      expect(checks(await run(tryOut))).toEqual(checks(shown))

      const { server, ada } = await start(settings)
      const asAda = { CLUSTERS_URL: server.url, CLUSTERS_TOKEN: ada.token ?? '' }
      const there = dask.replaceAll('sums.pem', join(createFolder(), 'sums.pem'))
      expect(await run(there, asAda)).toMatch(/^\d+\n328350\n/)
      expect(await site.listJobs()).toEqual([])

      const { id } = await ada.createCluster({ memory: 0.1 })
      await waitFor(ada, id, ({ status }) => status === 'running')
      expect(await run(jobs)).toMatch(new RegExp(`_0 RUNNING None clusters-\\w+-\\w+ cluster ${id} *\\n`))
      const { stdout } = await server.stop()
      expect(stdout).toContain('1 cluster goes on running without the server, with 1 worker')
      const [, ofServer = ''] = /or end all of them with (.+)\.\n/.exec(stdout) ?? []
      for (const way of [endAll, ofServer]) expect(way).toContain('scancel')
      await run(endAll)
      for (const startedAt = performance.now(); (await site.listJobs()).length > 0; await sleep(100)) {
        expect(performance.now() - startedAt).toBeLessThan(30_000)
      }
    },
    LONG_MS,
  )

  test(
    'an operator tries a Slurm out with one command, beside a server that runs',
    async () => {
      const settings = createSettings()
      const { server, ada } = await start(settings)
      const { id } = await ada.createCluster({ memory: 0.1 })
      await waitFor(ada, id, ({ status }) => status === 'running')
      const { code, stdout, stderr } = await runCommand(['doctor', '--engine', 'slurm'], settings)
      expect(
        stdout
          .replace(/^ok {4}/gm, '')
          .split('\n')
          .map(line => line.split(':')[0]),
      ).toEqual([...['engine', 'launch', 'output', 'stop', 'exit code', 'restart', 'end', '']])
      expect(stdout).toMatch(/Killed 3 times in the middle of a launch: of 12 workers \d+ ran, each once/)
      expect([code, stderr]).toEqual([0, ''])
      expect((await ada.get(`/clusters/${id}`)).body).toMatchObject({ status: 'running', ready_workers: 1 })
      expect(await site.listJobs(), 'the one of ada').toHaveLength(1)
      await ada.post(`/clusters/${id}/stop`)
      await waitFor(ada, id, ({ status }) => status === 'stopped')
      await server.stop()
    },
    LONG_MS,
  )
})

test('an engine that cannot be tried out is told in one sentence; so is what is wrong with one', async () => {
  const settings = { CLUSTERS_DATA_DIR: createFolder(), SLURM_CONF: '/nowhere/slurm.conf' }
  expect(await refuseCommand(['doctor', '--engine', 'none'], settings)).toBe(
    'clusters: There is nothing to try out on an engine none: name local or slurm.\n',
  )
  expect(await refuseCommand(['doctor', '--engine', 'slurm'], { ...settings, PATH: '/nowhere' })).toBe(
    "clusters: CLUSTERS_ENGINE is slurm, but there is no program sinfo in PATH: install Slurm's client programs on this machine.\n",
  )
})

test.skipIf(process.platform !== 'linux')('the engine local can be tried out as well', async () => {
  const { code, stdout } = await runCommand(['doctor', '--engine', 'local'], {
    CLUSTERS_DATA_DIR: createFolder(),
  })
  expect(stdout.match(/^ok /gm)).toHaveLength(7)
  expect(code).toBe(0)
})
