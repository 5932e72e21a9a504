import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SlurmSite } from '../test/support/slurm.ts'
import { median } from './compare.ts'
import { makeFolder, startClusters, type Server } from './processes.ts'
import { logIn, type Session } from './session.ts'

/**
 * Clusters on a real Slurm against bare sbatch of the same jobs: node --import tsx bench/slurm.ts ROUNDS. Prints
 * {@link SlurmFigures}.
 */
export interface SlurmFigures {
  readonly one: Pair
  readonly many: Pair
  /** Of squeue, by the controller's own count, over 1,000 live workers of which as many run. */
  readonly callsPerMinute: number
  readonly running: number
}

/** In milliseconds, until the programs run; medians of the rounds, and of their ratios. */
interface Pair {
  readonly oursMs: number
  readonly peerMs: number
  readonly ratio: number
}

const MANY = 100
/** What these nodes have room for at once; the rest of 1,000 waits. */
const NODES = 4
const CPUS = 50

/** Each job leaves a mark when it runs, and nobody asks Slurm. */
async function launchBare(site: SlurmSite, marks: string, count: number): Promise<void> {
  mkdirSync(marks)
  const options = ['--parsable', `--array=0-${count - 1}`, '--cpus-per-task=1', '--mem=100M', '--export=ALL']
  const sbatch = spawn('sbatch', [...options, '--input=/dev/null', '--output=/dev/null', '--chdir=/'], {
    env: site.environment,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  sbatch.stdin.end(`#!/bin/sh\n: >"${marks}/$SLURM_ARRAY_TASK_ID"\nexec sleep infinity\n`)
  await new Promise(resolve => sbatch.once('exit', resolve))
  while (readdirSync(marks).length < count) await sleep(5)
}

async function cancelAll(site: SlurmSite): Promise<void> {
  await site.run('scancel', '--user=root')
  while ((await site.listJobs()).length > 0) await sleep(50)
}

async function create(server: Server, { headers }: Session, workers: number): Promise<number> {
  const body = JSON.stringify({ creator: 1, cpus: 1, memory: 100 / 1024, workers })
  const answer = await fetch(`${server.url}/clusters`, { method: 'POST', headers, body })
  return ((await answer.json()) as { id: number }).id
}

async function waitFor(server: Server, { headers }: Session, id: number, status: string): Promise<void> {
  const answer = await fetch(`${server.url}/clusters/${id}?wait_for=${status}&timeout=300`, { headers })
  const cluster = (await answer.json()) as { status: string; message: string | null }
  if (cluster.status !== status) throw new Error(JSON.stringify(cluster))
}

async function stop(server: Server, session: Session, id: number): Promise<void> {
  await fetch(`${server.url}/clusters/${id}/stop`, { method: 'POST', headers: session.headers })
  await waitFor(server, session, id, 'stopped')
}

async function measurePair(
  { site, server, session, folder }: Bench,
  workers: number,
  rounds: number,
): Promise<Pair> {
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round < rounds; round++) {
    const marks = join(folder, 'marks')
    await waitForPhase(round / rounds)
    peer.push(await time(() => launchBare(site, marks, workers)))
    await cancelAll(site)
    rmSync(marks, { recursive: true })
    let id = 0
    await waitForPhase(round / rounds)
    ours.push(
      await time(async () => {
        id = await create(server, session, workers)
        await waitFor(server, session, id, 'running')
      }),
    )
    await stop(server, session, id)
  }
  const ratios = ours.map((ms, round) => ms / (peer[round] ?? NaN))
  return { oursMs: median(ours), peerMs: median(peer), ratio: median(ratios) }
}

/**
 * Slurm's controller starts jobs once a second, and what ends a round may be locked to that: so the rounds begin evenly
 * spread over its second, ours and its peer's at the same part of it. `phase`: from 0 to 1.
 */
async function waitForPhase(phase: number): Promise<void> {
  await sleep((((phase * 1000 - performance.now()) % 1000) + 1000) % 1000)
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** RPCs with which squeue asks for jobs, since the controller began. */
async function countLooks(site: SlurmSite): Promise<number> {
  const output = await site.run('sdiag')
  return Number(/REQUEST_JOB_INFO\s*\(\s*\d+\)\s*count:(\d+)/.exec(output)?.[1] ?? 0)
}

async function measureCalls({
  site,
  server,
  session,
}: Bench): Promise<Pick<SlurmFigures, 'callsPerMinute' | 'running'>> {
  const id = await create(server, session, 1000)
  let running = 0
  // Until it is as it stays.
  while (running < NODES * CPUS) {
    await sleep(1000)
    running = (await site.listJobs()).filter(line => line.includes(' RUNNING ')).length
  }
  await sleep(15_000)
  const before = await countLooks(site)
  await sleep(60_000)
  const callsPerMinute = (await countLooks(site)) - before
  await stop(server, session, id)
  return { callsPerMinute, running }
}

interface Bench {
  readonly site: SlurmSite
  readonly server: Server
  readonly session: Session
  readonly folder: string
}

const rounds = Number(process.argv[2] ?? 7)
const site = await SlurmSite.start({ nodes: NODES, cpus: CPUS, memoryMib: 64_000 })
const folder = makeFolder()
try {
  const settings = { ...site.environment, CLUSTERS_ENGINE: 'slurm', CLUSTERS_DATA_DIR: folder.path }
  const server = await startClusters(settings, [], 'all-cores')
  const bench = { site, server, session: await logIn(server), folder: folder.path }
  // The first jobs of a Slurm take longer.
  await measurePair(bench, 1, 2)
  const one = await measurePair(bench, 1, rounds * 2)
  const many = await measurePair(bench, MANY, rounds)
  const figures: SlurmFigures = { one, many, ...(await measureCalls(bench)) }
  await server.stop()
  process.stdout.write(JSON.stringify(figures))
} finally {
  await site.stop()
  folder.remove()
}
