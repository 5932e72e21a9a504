import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { ClusterRequest } from '../../domain/cluster.ts'
import { InvalidRequest } from '../../domain/errors.ts'
import { DEFAULT_WAIT_SECONDS, IDEMPOTENCY_KEY_PATTERN, memoryUnitHint } from '../../domain/limits.ts'
import { commandProblem, environmentProblem } from '../../domain/runtime.ts'
import { SECOND_MS } from '../../lib/clock.ts'
import type { Clusters } from '../../service/clusters.ts'
import type { Lifecycle } from '../../service/lifecycle.ts'
import type { Offer } from '../../service/offer.ts'
import { hashRequest, type IdempotencyKey } from '../../service/creations.ts'
import type { Waiting } from '../../service/waiting.ts'
import { readClusterId } from '../cluster-id.ts'
import { sendJson } from '../json.ts'
import type { LongAnswers } from '../long-answers.ts'
import { addOperation, identityOf } from '../operation.ts'
import { formatNextLink, readPage } from '../paging.ts'
import type { Check } from '../parse.ts'
import {
  createCluster,
  deleteCluster,
  getCluster,
  listClusters,
  stopCluster,
  updateCluster,
  type clusterRequestSchema,
} from '../schemas/cluster.ts'

type Body = Static<typeof clusterRequestSchema>

interface Services {
  readonly clusters: Clusters
  readonly lifecycle: Lifecycle
  readonly offer: Offer
  readonly waiting: Waiting
}

export function addClusterRoutes(
  app: FastifyInstance,
  { clusters, lifecycle, offer, waiting }: Services,
  answers: LongAnswers,
): void {
  addOperation(
    app,
    createCluster,
    async ({ body, request, reply }) => {
      const clusterRequest = toClusterRequest(body)
      const idempotencyKey = readIdempotencyKey(request, clusterRequest)
      const cluster = await clusters.create(identityOf(request).user, clusterRequest, idempotencyKey)
      return sendJson(reply.code(201).header('location', `/clusters/${cluster.id}`), cluster.json)
    },
    request => checkFor(request, offer),
  )

  addOperation(app, listClusters, async ({ query, request, reply }) => {
    const filter = { status: query.status, name: query.name }
    const page = await clusters.list(identityOf(request).user, { ...filter, ...readPage(query) })
    if (page.nextBefore !== undefined)
      reply.header('link', formatNextLink('/clusters', query, page.nextBefore))
    return sendJson(reply, page.json)
  })

  addOperation(app, getCluster, async ({ query, request, reply }) => {
    const { user } = identityOf(request)
    const id = readClusterId(request)
    const { wait_for: status, timeout } = query
    if (status === undefined) {
      if (timeout !== undefined) throw new InvalidRequest({ timeout: ['is only for wait_for'] })
      return sendJson(reply, await clusters.get(user, id))
    }
    // Else the metrics would say that a look takes a minute.
    reply.raw.route = `${getCluster.url} wait_for`
    const timeoutMs = (timeout ?? DEFAULT_WAIT_SECONDS) * SECOND_MS
    const signal = answers.begin(request, reply)
    const json = await waiting.waitFor(user, id, { status, timeoutMs, signal })
    await answers.demandToken(request)
    return sendJson(reply, json)
  })

  addLifecycleRoutes(app, lifecycle)
}

function addLifecycleRoutes(app: FastifyInstance, lifecycle: Lifecycle): void {
  addOperation(
    app,
    updateCluster,
    async ({ body, request, reply }) =>
      sendJson(reply, await lifecycle.update(identityOf(request).user, readClusterId(request), body)),
    ({ body }) =>
      () => ({ body: isEmpty(body) ? 'must have workers, name or both' : undefined }),
  )

  addOperation(app, stopCluster, async ({ request, reply }) => {
    const { json, hadEnded } = await lifecycle.stop(identityOf(request).user, readClusterId(request))
    return sendJson(reply.code(hadEnded ? 200 : 202), json)
  })

  addOperation(app, deleteCluster, async ({ request, reply }) => {
    const stopping = await lifecycle.delete(identityOf(request).user, readClusterId(request))
    return stopping === undefined ? reply.code(204).send() : sendJson(reply.code(202), stopping)
  })
}

function isEmpty(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.keys(body).length === 0
}

/** What a schema cannot say: the creator is the caller, what belongs together, and what can run here. */
function checkFor(request: FastifyRequest, offer: Offer): Check<typeof clusterRequestSchema> {
  const { user } = identityOf(request)
  return ({ creator, runtime = 'idle', command, environment, ...rest }) => {
    const { memory, ...impossible } = offer.listProblems({
      runtime,
      cpus: rest.cpus,
      memory: rest.memory,
      workers: rest.workers ?? 1,
      idleTimeoutSeconds: rest.idle_timeout_seconds ?? null,
    })
    const known = offer.findRuntime(runtime)
    // One that is faulty in itself is named already.
    const isJudged = known !== undefined && !isFaulty(request.body, 'command', command)
    return {
      ...impossible,
      creator: creator !== undefined && creator !== user.id ? 'must be your own user id' : undefined,
      memory: memoryHint(request.body, rest.memory) ?? memory,
      command: isJudged ? commandProblem(known, command ?? null) : undefined,
      environment: environment && environmentProblem(environment),
      'Idempotency-Key': idempotencyKeyProblem(request.headers['idempotency-key']),
    }
  }
}

/** Whether the field was sent and is not valid. */
function isFaulty(body: unknown, field: string, valid: unknown): boolean {
  return valid === undefined && typeof body === 'object' && body !== null && Object.hasOwn(body, field)
}

/** Only a memory that failed its bound is a candidate for having another unit. */
function memoryHint(body: unknown, validMemory: number | undefined): string | undefined {
  if (validMemory !== undefined || typeof body !== 'object' || body === null) return undefined
  const memory: unknown = Reflect.get(body, 'memory')
  return typeof memory === 'number' ? memoryUnitHint(memory) : undefined
}

function toClusterRequest(body: Body): ClusterRequest {
  return {
    cpus: body.cpus,
    memory: body.memory,
    name: body.name,
    workers: body.workers ?? 1,
    runtime: body.runtime ?? 'idle',
    command: body.command ?? null,
    environment: body.environment ?? {},
    idleTimeoutSeconds: body.idle_timeout_seconds ?? null,
    lifetimeSeconds: body.lifetime_seconds ?? null,
  }
}

function idempotencyKeyProblem(key: string | readonly string[] | undefined): string | undefined {
  const isGood = key === undefined || (typeof key === 'string' && IDEMPOTENCY_KEY_PATTERN.test(key))
  return isGood ? undefined : 'must be 1 to 64 printable ASCII characters'
}

function readIdempotencyKey(
  request: FastifyRequest,
  clusterRequest: ClusterRequest,
): IdempotencyKey | undefined {
  const key = request.headers['idempotency-key']
  return typeof key === 'string' ? { key, requestHash: hashRequest(clusterRequest) } : undefined
}
