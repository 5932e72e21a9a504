import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Cluster } from '../support/caller.ts'
import { computeOnDask, hasDask } from '../support/dask.ts'
import { createFolder, logInAs, spawnServer } from '../support/spawn.ts'

const LONG_MS = 90_000

test.skipIf(!hasDask())(
  'the runtime of docs/runtimes.md can be written so, is listed, and computes',
  async () => {
    const page = readFileSync(new URL('../../docs/runtimes.md', import.meta.url), 'utf8')
    const [, example = ''] = /```yaml\n(runtimes:\n.*?)```/s.exec(page) ?? []
    const path = join(createFolder(), 'clusters.yaml')
    writeFileSync(path, example)
    const settings = { CLUSTERS_CONFIG: path, CLUSTERS_ENGINE: 'local', CLUSTERS_DATA_DIR: createFolder() }
    const server = await spawnServer(settings, { sampleUsers: true })
    const alice = await logInAs(server.url, 'alice', 'hunter2')

    const { runtimes } = (await alice.get('/runtimes')).body as { runtimes: { name: string }[] }
    expect(runtimes.find(({ name }) => name === 'dask-nanny')).toMatchObject({
      description: 'Dask, with a nanny beside each worker.',
      has_scheduler: true,
      can_tell_idleness: true,
    })
    const { id } = await alice.createCluster({ runtime: 'dask-nanny', workers: 2 })
    const running = (await alice.get(`/clusters/${id}?wait_for=running&timeout=60`)).body as Cluster
    expect(running, String(running['message'])).toMatchObject({ status: 'running', ready_workers: 2 })
    expect(await computeOnDask(String(running['address']), 2)).toBe('328350 2')
    await alice.post(`/clusters/${id}/stop`)
    expect((await alice.get(`/clusters/${id}?wait_for=stopped`)).body).toMatchObject({ status: 'stopped' })
    await server.stop()
  },
  LONG_MS,
)
