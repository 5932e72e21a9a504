import { median } from './compare.ts'
import { makeFolder, startClusters, startSpawner, type Server } from './processes.ts'
import { logIn, type Session } from './session.ts'

/** Times in milliseconds, ours and the peer's, in turn. */
export interface Launches {
  readonly one: Pair
  readonly many: Pair
  readonly stopMany: Pair
}

interface Pair {
  /** Median. */
  readonly oursMs: number
  readonly peerMs: number
  /** The median of the rounds' ratios. */
  readonly ratio: number
}

const REQUEST = JSON.stringify({ creator: 1, cpus: 1, memory: 1 })
const MANY = 200

/** Idle clusters on the engine `local` against bare processes; both have all cores. */
export async function measureLaunches(rounds: number): Promise<Launches> {
  const folder = makeFolder()
  const server = await startClusters(
    { CLUSTERS_ENGINE: 'local', CLUSTERS_DATA_DIR: folder.path },
    [],
    'all-cores',
  )
  const spawner = await startSpawner()
  try {
    return await measureBoth(server, spawner, rounds)
  } finally {
    await spawner.stop()
    await server.stop()
    folder.remove()
  }
}

async function measureBoth(server: Server, spawner: Server, rounds: number): Promise<Launches> {
  const session = await logIn(server)
  const [one, many, stopMany] = [new Rounds(), new Rounds(), new Rounds()]
  for (let round = 0; round < rounds * 3; round++) {
    const peer = await time(() => ask(spawner, '/start?count=1'))
    await ask(spawner, '/stop')
    let ids: number[] = []
    const ours = await time(async () => (ids = await createRunning(server, session, 1)))
    await stopAll(server, session, ids)
    one.add(ours, peer)
  }
  for (let round = 0; round < rounds; round++) {
    const peer = await time(() => ask(spawner, `/start?count=${MANY}`))
    const peerStop = await time(() => ask(spawner, '/stop'))
    let ids: number[] = []
    const ours = await time(async () => (ids = await createRunning(server, session, MANY)))
    const ourStop = await time(() => stopAll(server, session, ids))
    many.add(ours, peer)
    stopMany.add(ourStop, peerStop)
  }
  return { one: one.result(), many: many.result(), stopMany: stopMany.result() }
}

class Rounds {
  readonly #ours: number[] = []
  readonly #peer: number[] = []

  add(ours: number, peer: number): void {
    this.#ours.push(ours)
    this.#peer.push(peer)
  }

  result(): Pair {
    const ratios = this.#ours.map((ours, round) => ours / (this.#peer[round] ?? NaN))
    return { oursMs: median(this.#ours), peerMs: median(this.#peer), ratio: median(ratios) }
  }
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function ask(server: Server, path: string): Promise<void> {
  const answer = await fetch(server.url + path, { method: 'POST' })
  if (answer.status !== 200) throw new Error(await answer.text())
}

/** All at once; resolves when all are running. */
async function createRunning(server: Server, { headers }: Session, count: number): Promise<number[]> {
  const create = async (): Promise<number> => {
    const created = await fetch(`${server.url}/clusters`, { method: 'POST', headers, body: REQUEST })
    const { id } = (await created.json()) as { id: number }
    await demandStatus(server, headers, id, 'running')
    return id
  }
  return await Promise.all(Array.from({ length: count }, create))
}

async function stopAll(server: Server, { headers }: Session, ids: readonly number[]): Promise<void> {
  const stop = async (id: number) => {
    await fetch(`${server.url}/clusters/${id}/stop`, { method: 'POST', headers })
    await demandStatus(server, headers, id, 'stopped')
  }
  await Promise.all(ids.map(stop))
}

async function demandStatus(
  server: Server,
  headers: Session['headers'],
  id: number,
  wanted: string,
): Promise<void> {
  const answer = await fetch(`${server.url}/clusters/${id}?wait_for=${wanted}&timeout=60`, { headers })
  const { status, message } = (await answer.json()) as { status: string; message: string | null }
  if (status !== wanted) throw new Error(`cluster ${id} is ${status}: ${message}`)
}
