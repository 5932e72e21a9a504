import { get } from 'node:http'
import type { Runtime } from '../domain/runtime.ts'
import type { Clock } from '../lib/clock.ts'
import { SECOND_MS } from '../lib/clock.ts'
import { toPlainText } from './plain-text.ts'
import type { Look, ProbeResult, RecordedCluster } from './snapshot.ts'
import { urlOf, type Scheduler } from './spec.ts'

/**
 * Asks the schedulers of clusters how many workers they have and whether anything is being done, beside the passes.
 * They are programs of users and not trusted: what they may take of time and memory is bounded, and nobody is led
 * elsewhere.
 */

const TIMEOUT_MS = 2 * SECOND_MS
const MAX_ANSWER_BYTES = 64 * 1024
/** Asked at the same time. */
const CONCURRENCY = 16
/** While it starts it is asked often, then less and less; when all are ready, now and then. */
const FIRST_INTERVAL_MS = 100
const LONGEST_INTERVAL_MS = SECOND_MS
const READY_INTERVAL_MS = 5 * SECOND_MS

interface Target {
  readonly scheduler: Scheduler
  cluster: RecordedCluster
  runtime: Runtime
  intervalMs: number
  result: ProbeResult
  /** The fields of the last answer: when they change, something was done. */
  signature: string
  /** As of the last answer: one that is missed says nothing of whether anything was done. */
  idleSince: Date | null
  timer: NodeJS.Timeout | undefined
}

const UNKNOWN: ProbeResult = { readyWorkers: null, problem: null, idleSince: null }

export class Prober {
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #targets = new Map<number, Target>()
  readonly #waiting: Target[] = []
  #underWay = 0

  /** `onChange` is called when a result differs from the one before. */
  constructor(options: { clock: Clock; onChange: () => void }) {
    this.#clock = options.clock
    this.#onChange = options.onChange
  }

  /** By cluster. */
  get results(): ReadonlyMap<number, ProbeResult> {
    return new Map([...this.#targets].map(([id, { result }]) => [id, result]))
  }

  /** From now on just these are asked: live clusters whose scheduler has started. */
  follow(clusters: readonly RecordedCluster[], look: Look, runtimes: ReadonlyMap<string, Runtime>): void {
    if (look.kind === 'unreachable') return
    const wanted = new Set<number>()
    for (const cluster of clusters) {
      const runtime = runtimes.get(cluster.runtime)
      if (runtime?.readiness === undefined && runtime?.idleness === undefined) continue
      const scheduler = findScheduler(cluster, look)
      if (scheduler === undefined || cluster.status === 'stopping') continue
      wanted.add(cluster.id)
      this.#add(cluster, runtime, scheduler)
    }
    for (const [id, target] of this.#targets) if (!wanted.has(id)) this.#remove(id, target)
  }

  close(): void {
    for (const [id, target] of this.#targets) this.#remove(id, target)
  }

  #add(cluster: RecordedCluster, runtime: Runtime, scheduler: Scheduler): void {
    const known = this.#targets.get(cluster.id)
    if (known?.scheduler.id === scheduler.id) {
      // It has grown, say: what was enough is not any more.
      if (known.cluster.workers !== cluster.workers) this.#schedule(known, FIRST_INTERVAL_MS)
      known.cluster = cluster
      known.runtime = runtime
      return
    }
    if (known !== undefined) this.#remove(cluster.id, known)
    const target: Target = {
      scheduler,
      cluster,
      runtime,
      intervalMs: FIRST_INTERVAL_MS,
      result: UNKNOWN,
      signature: '',
      idleSince: null,
      timer: undefined,
    }
    this.#targets.set(cluster.id, target)
    this.#schedule(target, FIRST_INTERVAL_MS)
  }

  #remove(id: number, target: Target): void {
    clearTimeout(target.timer)
    this.#targets.delete(id)
  }

  #schedule(target: Target, intervalMs: number): void {
    clearTimeout(target.timer)
    target.intervalMs = intervalMs
    target.timer = setTimeout(() => {
      this.#waiting.push(target)
      this.#askNext()
    }, intervalMs).unref()
  }

  #askNext(): void {
    while (this.#underWay < CONCURRENCY) {
      const target = this.#waiting.shift()
      if (target === undefined) return
      if (!this.#isFollowed(target)) continue
      this.#underWay += 1
      void this.#ask(target).then(() => {
        this.#underWay -= 1
        this.#askNext()
      })
    }
  }

  #isFollowed(target: Target): boolean {
    return this.#targets.get(target.cluster.id) === target
  }

  /** Never rejects. */
  async #ask(target: Target): Promise<void> {
    const before = target.result
    target.result = await this.#probe(target)
    if (!this.#isFollowed(target)) return
    const { readyWorkers, problem, idleSince } = target.result
    const isReady = readyWorkers !== null && readyWorkers >= target.cluster.workers
    const longer = Math.min(LONGEST_INTERVAL_MS, target.intervalMs * 1.5)
    this.#schedule(target, isReady ? READY_INTERVAL_MS : longer)
    const { idleTimeoutSeconds } = target.cluster
    const isTooIdle =
      idleSince !== null &&
      idleTimeoutSeconds !== null &&
      this.#clock().getTime() - idleSince.getTime() >= idleTimeoutSeconds * SECOND_MS
    if (readyWorkers !== before.readyWorkers || problem !== before.problem || isTooIdle) this.#onChange()
  }

  async #probe(target: Target): Promise<ProbeResult> {
    const { runtime, scheduler } = target
    const { readiness, idleness } = runtime
    try {
      const urls = [readiness?.url, idleness?.url].map(url => url && urlOf(url, runtime, scheduler))
      const [ready, idle] = await askAll(urls)
      return {
        readyWorkers: readiness === undefined ? null : readCount(ready, readiness.count),
        problem: null,
        idleSince: idleness === undefined ? null : this.#findIdleSince(target, idle, idleness.busy),
      }
    } catch (error) {
      const why = error instanceof Error ? toPlainText(error.message) : 'unknown'
      // A busy scheduler may miss one; that its process has ended is for the engine to tell.
      const { readyWorkers } = target.result
      return { readyWorkers, problem: `The scheduler does not answer yet: ${why}.`, idleSince: null }
    }
  }

  #findIdleSince(target: Target, fields: Fields, busy: readonly string[]): Date | null {
    const signature = JSON.stringify([...fields])
    const isSame = signature === target.signature
    target.signature = signature
    const isBusy = busy.some(name => (fields.get(name) ?? 0) > 0)
    target.idleSince = isBusy ? null : isSame && target.idleSince !== null ? target.idleSince : this.#clock()
    return target.idleSince
  }
}

function findScheduler(cluster: RecordedCluster, look: Look & { kind: 'seen' }): Scheduler | undefined {
  const worker = cluster.seats.find(({ role }) => role === 'scheduler')
  const observed = worker && look.workers.get(worker.id)
  if (observed?.state.kind !== 'started' || observed.address === null) return undefined
  return { id: observed.id, address: observed.address }
}

/** Numbers by name. */
type Fields = ReadonlyMap<string, number>

/** An address that is asked for twice is asked once. */
async function askAll(urls: readonly (string | undefined)[]): Promise<[Fields, Fields]> {
  const [first, second] = urls
  const one = first === undefined ? new Map<string, number>() : await askForNumbers(first)
  const other = second === undefined || second === first ? one : await askForNumbers(second)
  return [one, other]
}

async function askForNumbers(url: string): Promise<Fields> {
  const parsed = parseJson(await ask(url))
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`${url} answers with no JSON object`)
  return new Map(
    Object.entries(parsed).flatMap(([name, value]: [string, unknown]): [string, number][] =>
      typeof value === 'number' && Number.isFinite(value) ? [[name, value]] : [],
    ),
  )
}

/** `undefined` for what is no JSON: the parser's own words would quote the program's. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readCount(fields: Fields, name: string): number {
  const count = fields.get(name)
  if (count === undefined) throw new Error(`its answer has no number ${name}`)
  return Math.max(0, Math.floor(count))
}

/** Rejects with words that follow "The scheduler does not answer yet: ". */
function ask(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { signal: AbortSignal.timeout(TIMEOUT_MS), agent: false }, response => {
      if (response.statusCode !== 200) {
        response.destroy()
        reject(new Error(`${url} answers with ${response.statusCode}`))
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        length += chunk.length
        if (length > MAX_ANSWER_BYTES) response.destroy(new Error(`${url} answers with too much`))
      })
      response.on('end', () => {
        resolve(Buffer.concat(chunks).toString())
      })
      response.on('error', reject)
    })
    // A socket that it would rather use for something else has no end of its own.
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      reject(new Error(`${url} answers with ${response.statusCode}`))
    })
    // After whatever was the answer this says nothing.
    request.on('close', () => {
      reject(new Error(`${url} gives no whole answer`))
    })
    request.on('error', error => {
      const isLate = error.name === 'AbortError' || error.name === 'TimeoutError'
      reject(isLate ? new Error(`${url} takes longer than ${TIMEOUT_MS / SECOND_MS} s`) : error)
    })
  })
}
