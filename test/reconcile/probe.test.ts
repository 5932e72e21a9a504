import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { TestClock } from '../support/clock.ts'
import { cluster, idOf, RUNTIMES, snapshotOf, worker } from '../support/snapshots.ts'
import type { Runtime } from '../../src/domain/runtime.ts'
import { Prober } from '../../src/reconcile/probe.ts'
import type { RecordedCluster, Snapshot } from '../../src/reconcile/snapshot.ts'

/** Against real servers, which stand for programs of users. */
const undo: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each()
})

async function listen(
  answer: RequestListener,
): Promise<{ url: string; requests: () => number; server: Server }> {
  let requests = 0
  const server = createServer((request, response) => {
    requests += 1
    answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  undo.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/counts`, requests: () => requests, server }
}

const json =
  (value: unknown): RequestListener =>
  (_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  }

type Result = NonNullable<ReturnType<Snapshot['probes']['get']>>

/** A prober that follows one cluster with two workers; `next` waits for what it says after now. */
class Probing {
  readonly clock = new TestClock()
  readonly prober: Prober
  readonly #runtimes: ReadonlyMap<string, Runtime>
  #changes = 0
  #wake: () => void = () => undefined

  constructor(fields: Partial<Runtime>) {
    const job = RUNTIMES.get('job')
    if (job === undefined) throw new Error('there is no job')
    this.#runtimes = new Map([['job', { ...job, ...fields }]])
    this.prober = new Prober({
      clock: this.clock.now,
      onChange: () => {
        this.#changes += 1
        this.#wake()
      },
    })
    undo.push(() => {
      this.prober.close()
    })
  }

  get changes(): number {
    return this.#changes
  }

  get result(): Result | undefined {
    return this.prober.results.get(1)
  }

  follow(fields: Partial<RecordedCluster> = {}, id = idOf('scheduler')): void {
    const seats = [worker('scheduler', 'started', { id })]
    const followed = cluster('starting', seats, { runtime: 'job', workers: 2, ...fields })
    const { look } = snapshotOf([followed], { shows: { [id]: 'started' } })
    this.prober.follow([followed], look, this.#runtimes)
  }

  leave(): void {
    this.prober.follow([], snapshotOf([]).look, this.#runtimes)
  }

  /** The result after the next change that it tells of. */
  async next(): Promise<Result> {
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
    const { result } = this
    if (result === undefined) throw new Error('it is not followed')
    return result
  }
}

function readiness(url: string): Probing {
  const probing = new Probing({ readiness: { url, count: 'workers' } })
  probing.follow()
  return probing
}

/** After so many answers. */
async function answered(requests: () => number, count: number): Promise<void> {
  while (requests() < count) await new Promise(resolve => setTimeout(resolve, 5))
}

test('the number that a scheduler answers with is how many are ready', async () => {
  const { url } = await listen(json({ workers: 1, other: 'x' }))
  expect(await readiness(url).next()).toEqual({ readyWorkers: 1, problem: null, idleSince: null })
})

test.each([
  [-3, 0],
  [2.9, 2],
  [1e308, 1e308],
])('it may claim %s workers, and that is %s', async (claimed, readyWorkers) => {
  const { url } = await listen(json({ workers: claimed }))
  expect(await readiness(url).next()).toMatchObject({ readyWorkers })
})

test('a change is told once, and it is asked again until all are ready', async () => {
  let workers = 0
  const { url, requests } = await listen((request, response) => {
    json({ workers })(request, response)
  })
  const probing = readiness(url)
  expect((await probing.next()).readyWorkers).toBe(0)
  await answered(requests, 3)
  expect(probing.changes).toBe(1)
  workers = 2
  expect((await probing.next()).readyWorkers).toBe(2)
})

test.each([
  ['500', (_, response) => response.writeHead(500).end('{"workers": 2}'), 'answers with 500'],
  [
    'a redirect, which is not followed',
    (_, response) => response.writeHead(302, { location: '/ok' }).end(),
    'answers with 302',
  ],
  [
    'another protocol',
    ({ socket }) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    'answers with 101',
  ],
  ['no JSON', (_, response) => response.end('<html>'), 'answers with no JSON object.'],
  ['what no database would take', (_, response) => response.end('{"\0": 2}'), 'answers with no JSON object.'],
  ['JSON that is no object', (_, response) => response.end('7'), 'answers with no JSON object'],
  ['null', (_, response) => response.end('null'), 'answers with no JSON object'],
  ['no such field', (_, response) => response.end('{"others": 2}'), 'has no number workers'],
  ['a number in quotes', (_, response) => response.end('{"workers": "2"}'), 'has no number workers'],
  [
    'too much',
    (_, response) => response.end(`{"workers": 2, "x": "${'x'.repeat(70_000)}"}`),
    'answers with too much',
  ],
  [
    'half an answer',
    (_, response) => response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
    'gives no whole answer',
  ],
] as [string, RequestListener, string][])(
  '%s is no answer, and the user hears why',
  async (_, answer, why) => {
    const { url, requests } = await listen(answer)
    const result = await readiness(url).next()
    expect(result).toMatchObject({ readyWorkers: null, idleSince: null })
    expect(result.problem).toMatch(/^The scheduler does not answer yet: /)
    expect(result.problem).toContain(why)
    await answered(requests, 2)
  },
)

test.each([
  ['says nothing', () => undefined],
  ['begins and does not end', (_, response) => response.writeHead(200).write('{')],
] as [string, RequestListener][])('one that %s is given up after two seconds', async (_, answer) => {
  const { url } = await listen(answer)
  const result = await readiness(url).next()
  expect(result.problem).toBe(`The scheduler does not answer yet: ${url} takes longer than 2 s.`)
})

test('where nobody listens, the user hears so', async () => {
  const { url, server } = await listen(json({}))
  await new Promise(resolve => server.close(resolve))
  expect((await readiness(url).next()).problem).toContain('ECONNREFUSED')
})

test('one answer that is missed takes nothing back', async () => {
  let isWell = true
  const { url } = await listen((request, response) => {
    if (isWell) json({ workers: 1 })(request, response)
    else response.writeHead(500).end()
  })
  const probing = readiness(url)
  expect(await probing.next()).toMatchObject({ readyWorkers: 1, problem: null })
  isWell = false
  const missed = await probing.next()
  expect(missed.readyWorkers).toBe(1)
  expect(missed.problem).toContain('500')
})

test('what is not followed any more is not asked any more, and forgotten', async () => {
  const { url, requests } = await listen(json({ workers: 0 }))
  const probing = readiness(url)
  await probing.next()
  probing.leave()
  expect(probing.result).toBeUndefined()
  const before = requests()
  const other = await listen(json({ workers: 0 }))
  await readiness(other.url).next()
  await answered(other.requests, 4)
  expect(requests()).toBe(before)
})

test('another scheduler begins anew: nothing is known of it', async () => {
  const { url } = await listen(json({ workers: 2 }))
  const probing = readiness(url)
  await probing.next()
  probing.follow({}, 'another')
  expect(probing.result).toEqual({ readyWorkers: null, problem: null, idleSince: null })
})

test('one that is stopping is not asked', async () => {
  const { url } = await listen(json({ workers: 2 }))
  const probing = readiness(url)
  probing.follow({ status: 'stopping' })
  expect(probing.result).toBeUndefined()
})

const BUSY = ['processing', 'waiting']

function idleness(url: string, idleTimeoutSeconds: number | null = 60): Probing {
  const probing = new Probing({
    readiness: { url, count: 'workers' },
    idleness: { url, busy: BUSY },
  })
  probing.follow({ idleTimeoutSeconds })
  return probing
}

test('where both are at one address, it is asked once for both', async () => {
  let isBusy = true
  const { url, requests } = await listen((request, response) => {
    json({ workers: isBusy ? 1 : 0, processing: isBusy ? 3 : 0 })(request, response)
  })
  const probing = idleness(url)
  expect(await probing.next()).toEqual({ readyWorkers: 1, problem: null, idleSince: null })
  expect(requests()).toBe(1)
  isBusy = false
  expect((await probing.next()).idleSince).toEqual(expect.any(Date))
})

test('idle is counted from the first answer that says so, and goes on while the answer is the same', async () => {
  const { url, requests } = await listen(json({ workers: 1, processing: 0, waiting: 0 }))
  const probing = idleness(url)
  const { idleSince } = await probing.next()
  probing.clock.advance(1000)
  await answered(requests, 4)
  expect(probing.result?.idleSince).toEqual(idleSince)
})

test('an answer that differs tells that something was done meanwhile: idle begins anew', async () => {
  let done = 0
  const { url, requests } = await listen((request, response) => {
    json({ workers: 1, processing: 0, done })(request, response)
  })
  const probing = idleness(url)
  const { idleSince } = await probing.next()
  done = 1
  probing.clock.advance(30_000)
  const before = requests()
  await answered(requests, before + 3)
  const later = probing.result?.idleSince?.getTime() ?? 0
  expect(later - (idleSince?.getTime() ?? 0)).toBeGreaterThanOrEqual(30_000)
})

test('an answer that is missed does not begin idle anew', async () => {
  let isWell = true
  const { url, requests } = await listen((request, response) => {
    if (isWell) json({ workers: 1, processing: 0 })(request, response)
    else response.writeHead(500).end()
  })
  const probing = idleness(url)
  const { idleSince } = await probing.next()
  isWell = false
  expect(await probing.next()).toMatchObject({ idleSince: null })
  isWell = true
  probing.clock.advance(1000)
  await answered(requests, requests() + 2)
  expect(probing.result?.idleSince).toEqual(idleSince)
})

test('one that has been idle for as long as it may be is told of, in each answer', async () => {
  const { url } = await listen(json({ workers: 1, processing: 0 }))
  const probing = idleness(url)
  await probing.next()
  probing.clock.advance(60_000)
  await probing.next()
  await probing.next()
  expect(probing.changes).toBe(3)
})
