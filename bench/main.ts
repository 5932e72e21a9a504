import { writeFileSync } from 'node:fs'
import { startPostgres } from '../test/support/postgres.ts'
import { measureInTurn, median, ratioOf, type Rated, type Rounds } from './compare.ts'
import { fillDatabase, measureAlone } from './database.ts'
import { measureLaunches } from './engine.ts'
import type { PassFigures } from './passes.ts'
import {
  keepToLoadCore,
  makeFolder,
  onServerCore,
  residentMb,
  runLoad,
  runScript,
  startBare,
  startClusters,
  type Server,
} from './processes.ts'
import { ProfileFolder } from './profile.ts'
import { measureOnSlurm } from './on-slurm.ts'
import { renderReport, times, type Line } from './report.ts'
import { CLUSTER_REQUEST, createClusters, logIn, logInWithoutPause } from './session.ts'

const ROUNDS: Rounds = { count: Number(process.env['BENCH_ROUNDS'] ?? 7), seconds: 2 }
const CONNECTIONS = 64
/** GETs ask for so many different clusters in turn. */
const CLUSTERS = 1000

const lines: Line[] = []
function note(line: Line): void {
  lines.push(line)
  process.stdout.write(`${line.what}: ${line.figure.toFixed(2)} ${line.unit} (goal ${line.goal})\n`)
}

/** Runs on a server with a database of its own, and cleans up after it. */
async function withServer<T>(
  settings: Readonly<Record<string, string>>,
  work: (server: Server, folder: string) => Promise<T>,
  nodeArgs: readonly string[] = [],
): Promise<T> {
  const folder = makeFolder()
  const server = await startClusters({ CLUSTERS_DATA_DIR: folder.path, ...settings }, nodeArgs)
  try {
    return await work(server, folder.path)
  } finally {
    await server.stop()
    folder.remove()
  }
}

async function withBare<T>(bytes: number, work: (bare: Server) => Promise<T>): Promise<T> {
  const bare = await startBare(bytes)
  try {
    return await work(bare)
  } finally {
    await bare.stop()
  }
}

const clusterPaths = Array.from({ length: CLUSTERS }, (_, index) => `/clusters/${index + 1}`)

interface Goals {
  readonly name: string
  readonly alsoPids: readonly number[]
  /** Goal and floor. */
  readonly get: readonly [number, number]
  readonly post: readonly [number, number]
}

/** A server with {@link CLUSTERS} clusters of alice's, and a bare one that answers as many bytes as one has. */
async function withPair(
  settings: Readonly<Record<string, string>>,
  work: (pair: { server: Server; bare: Server; headers: Readonly<Record<string, string>> }) => Promise<void>,
): Promise<void> {
  await withServer(settings, async server => {
    const { headers } = await logIn(server)
    const bytes = await createClusters(server, { headers }, CLUSTERS)
    await withBare(bytes, bare => work({ server, bare, headers }))
  })
}

async function benchGetAndPost(settings: Readonly<Record<string, string>>, goals: Goals): Promise<void> {
  const { name, alsoPids } = goals
  await withPair(settings, async ({ server, bare, headers }) => {
    const get = { connections: CONNECTIONS, headers, paths: clusterPaths }
    const gets = await measureInTurn(
      {
        peer: { server: bare, load: get },
        ours: { server, alsoPids, load: get },
      },
      ROUNDS,
    )
    noteRatio(`GET /clusters/:id, ${name}, ${CLUSTERS} clusters in turn`, goals.get, gets)
    const post = { ...get, method: 'POST', paths: ['/clusters'], body: CLUSTER_REQUEST } as const
    const posts = await measureInTurn(
      {
        peer: { server: bare, load: post },
        ours: { server, alsoPids, load: post },
      },
      ROUNDS,
    )
    noteRatio(`POST /clusters, ${name}, on disk before the answer`, goals.post, posts)
  })
}

function noteRatio(
  what: string,
  [goal, floor]: readonly [number, number],
  { ours, peer }: { ours: Rated; peer: Rated },
): void {
  note({ what, figure: ratioOf(ours, peer), unit: 'of peer', goal, floor, ours, peer })
}

/** One cluster asked for by everybody, and what a stream of POSTs or of logins does to GETs. */
async function benchBeside(): Promise<void> {
  await withPair({}, async ({ server, bare, headers }) => {
    const load = { connections: CONNECTIONS, headers, paths: clusterPaths }
    const { peer, same, alone, beside, logins } = await measureInTurn(
      {
        peer: { server: bare, load },
        same: { server, load: { ...load, paths: ['/clusters/1'] } },
        alone: { server, load },
        beside: { server, load, beside: stopped => postWithoutPause(server, headers, stopped) },
        logins: { server, load, beside: stopped => logInWithoutPause(server, 4, stopped) },
      },
      ROUNDS,
    )
    noteRatio('GET of the same cluster by everybody', [0.6, 0.5], { ours: same, peer })
    note({
      what: 'p99 of GETs beside 8 connections that POST, to GETs alone',
      figure: beside.p99Ms / alone.p99Ms,
      unit: 'times',
      goal: 3,
      least: true,
      ours: beside,
      peer: alone,
    })
    noteRatio('GETs kept beside 4 clients that log in without pause', [0.85, 0.85], {
      ours: logins,
      peer: alone,
    })
  })
}

async function postWithoutPause(
  server: Server,
  headers: Readonly<Record<string, string>>,
  stopped: () => boolean,
): Promise<void> {
  const load = { url: server.url, connections: 8, seconds: 1, headers, paths: ['/clusters'] }
  while (!stopped()) await runLoad({ ...load, method: 'POST', body: CLUSTER_REQUEST })
}

async function benchList(): Promise<void> {
  const few = makeFolder()
  const many = makeFolder()
  const small = await startClusters({ CLUSTERS_DATA_DIR: few.path })
  const large = await startClusters({ CLUSTERS_DATA_DIR: many.path })
  fillDatabase(few.path, 1000)
  fillDatabase(many.path, 1_000_000)
  const [alice, bob] = [await logIn(small), await logIn(large)]
  const path = '/clusters?limit=50'
  const page = await (await fetch(small.url + path, { headers: alice.headers })).text()
  await withBare(page.length, async bare => {
    const load = { connections: CONNECTIONS, paths: [path] }
    const results = await measureInTurn(
      {
        peer: { server: bare, load: { ...load, headers: alice.headers } },
        ours: { server: small, load: { ...load, headers: alice.headers } },
        large: { server: large, load: { ...load, headers: bob.headers } },
      },
      ROUNDS,
    )
    noteRatio(`GET /clusters?limit=50 (${page.length} bytes)`, [0.18, 0.12], results)
    noteRatio('the same out of 1,000,000 clusters, to out of 1,000', [0.8, 0.8], {
      ours: results.large,
      peer: results.ours,
    })
  })
  await small.stop()
  await large.stop()
  few.remove()
  many.remove()
}

async function benchOneConnection(): Promise<void> {
  const folder = makeFolder()
  const ratio = await measureAlone(folder.path, ROUNDS.count)
  folder.remove()
  note({
    what: 'one caller: time of a create in the group, to a transaction of its own',
    figure: ratio,
    unit: 'times',
    goal: 1.1,
    least: true,
  })
}

async function benchStart(): Promise<void> {
  const folder = makeFolder()
  const seconds: number[] = []
  const memory: number[] = []
  for (let round = 0; round < ROUNDS.count; round++) {
    const startedAt = performance.now()
    const server = await startClusters({ CLUSTERS_DATA_DIR: folder.path })
    const answer = await fetch(`${server.url}/healthz`)
    if (answer.status === 200) seconds.push((performance.now() - startedAt) / 1000)
    await new Promise(resolve => setTimeout(resolve, 2000))
    memory.push(residentMb(server.process.pid))
    await server.stop()
  }
  folder.remove()
  note({ what: 'start to the first 200', figure: median(seconds), unit: 's', goal: 0.6, least: true })
  note({ what: 'resident when idle', figure: median(memory), unit: 'MB', goal: 130, least: true })
}

async function profileGet(): Promise<string> {
  const profile = new ProfileFolder()
  await withServer(
    {},
    async server => {
      const { headers } = await logIn(server)
      await createClusters(server, { headers }, CLUSTERS)
      await runLoad({ url: server.url, connections: CONNECTIONS, seconds: 8, headers, paths: clusterPaths })
    },
    profile.nodeArgs,
  )
  return profile.render()
}

async function benchPostgres(): Promise<void> {
  const postgres = await startPostgres(onServerCore)
  try {
    const settings = { CLUSTERS_DATABASE: postgres.url }
    const alsoPids = [postgres.pid]
    await benchGetAndPost(settings, { name: 'PostgreSQL', alsoPids, get: [0.12, 0.06], post: [0.1, 0.05] })
  } finally {
    await postgres.stop()
  }
}

async function benchEngine(): Promise<void> {
  const { one, many, stopMany } = await measureLaunches(ROUNDS.count)
  note({
    what: `POST to running of an idle cluster, beyond a bare spawn of the same process${times(one)}`,
    figure: one.oursMs - one.peerMs,
    unit: 'ms',
    goal: 25,
    least: true,
  })
  note({
    what: `200 clusters created at once, until all run, to 200 bare spawns${times(many)}`,
    figure: many.ratio,
    unit: 'times',
    goal: 1.5,
    least: true,
  })
  // Nobody has set a goal: a signal to 200 processes costs the peer nearly nothing.
  note({
    what: `200 clusters stopped at once, until all are gone${times(stopMany)}`,
    figure: stopMany.oursMs / 1000,
    unit: 's',
    goal: 2,
    least: true,
  })
}

function describePass({ cpuMs, blockedMs, memoryMb }: PassFigures): string {
  return `${cpuMs.toFixed(0)} ms of CPU, blocks for ${blockedMs.toFixed(0)} ms, adds ${memoryMb.toFixed(0)} MB`
}

async function benchPasses(): Promise<void> {
  const few = JSON.parse(await runScript('bench/passes.ts', '10000', 'share')) as PassFigures
  const many = JSON.parse(await runScript('bench/passes.ts', '100000')) as PassFigures
  note({
    what: `the loop over 10,000 live clusters with nothing to do (a pass: ${describePass(few)})`,
    figure: (few.share ?? NaN) * 100,
    unit: '% of a core',
    goal: 1,
    least: true,
  })
  note({
    what: `a pass over 100,000 live clusters, to ten over 10,000 (a pass: ${describePass(many)})`,
    figure: many.cpuMs / few.cpuMs / 10,
    unit: 'times',
    goal: 1.2,
    least: true,
  })
}

const BENCHES = {
  sqlite: () => benchGetAndPost({}, { name: 'SQLite', alsoPids: [], get: [0.6, 0.5], post: [0.4, 0.3] }),
  beside: benchBeside,
  list: benchList,
  one: benchOneConnection,
  postgres: benchPostgres,
  start: benchStart,
  engine: benchEngine,
  passes: benchPasses,
  slurm: async () => {
    for (const line of await measureOnSlurm(ROUNDS.count)) note(line)
  },
} as const

// What runs here beside the servers must not take their core.
keepToLoadCore()
const names = process.argv.slice(2)
const chosen = Object.entries(BENCHES).filter(([name]) => names.length === 0 || names.includes(name))
if (chosen.length < names.length) {
  throw new Error(`the benchmarks are ${Object.keys(BENCHES).join(', ')}, not ${names.join(', ')}`)
}
for (const [, bench] of chosen) await bench()
const report = renderReport(lines, await profileGet())
// A part is for whoever works on it.
if (names.length === 0) writeFileSync(new URL('results.md', import.meta.url), report)
process.stdout.write(`\n${report}`)
