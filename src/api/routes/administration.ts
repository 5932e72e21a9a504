import type { FastifyInstance } from 'fastify'
import { parseQuota, type Quota } from '../../domain/quota.ts'
import { takePage } from '../../lib/page.ts'
import type {
  AdministeredCluster,
  AdministeredUser,
  Administration,
  AuditEntry,
} from '../../service/administration.ts'
import type { EngineHealth } from '../../service/engine-health.ts'
import type { Lifecycle } from '../../service/lifecycle.ts'
import type { Usage } from '../../service/usage.ts'
import { NO_SUCH_USER } from '../../service/users.ts'
import { readClusterId } from '../cluster-id.ts'
import { addOperation, identityOf, type Input } from '../operation.ts'
import { formatNextLink, readPage, type Page } from '../paging.ts'
import { readPathId } from '../path-id.ts'
import {
  disableUser,
  enableUser,
  listAllClusters,
  listAudit,
  listUsers,
  stopAnyCluster,
  updateUser,
} from '../schemas/administration.ts'
import { getAllUsage, getEngine } from '../schemas/engine.ts'
import { toLargestWorker } from './runtimes.ts'
import { toHoursBody } from './usage.ts'

interface Services {
  readonly administration: Administration
  readonly health: EngineHealth
  readonly lifecycle: Lifecycle
  readonly usage: Usage
  /** Of users without their own. */
  readonly quota: Quota
}

export function addAdministrationRoutes(app: FastifyInstance, services: Services): void {
  addUserRoutes(app, services)
  addClusterRoutes(app, services)
  addServerRoutes(app, services)
}

function addUserRoutes(app: FastifyInstance, { administration, quota }: Services): void {
  const toUserBody = (user: AdministeredUser) => ({
    id: user.id,
    username: user.username,
    is_administrator: user.isAdministrator,
    created_at: user.createdAt,
    disabled_at: user.disabledAt,
    quota: user.quota ?? quota,
    has_own_quota: user.quota !== null,
    used: user.used,
  })

  addOperation(app, listUsers, async input =>
    (await readPageOf(input, '/admin/users', page => administration.listUsers(page))).map(toUserBody),
  )
  addOperation(app, updateUser, async ({ body, request }) =>
    toUserBody(
      await administration.setQuota(identityOf(request).user, readPathId(request, NO_SUCH_USER), body.quota),
    ),
  )
  addOperation(app, disableUser, async ({ request }) =>
    toUserBody(await administration.disable(identityOf(request).user, readPathId(request, NO_SUCH_USER))),
  )
  addOperation(app, enableUser, async ({ request }) =>
    toUserBody(await administration.enable(identityOf(request).user, readPathId(request, NO_SUCH_USER))),
  )
}

function addClusterRoutes(app: FastifyInstance, { administration, lifecycle }: Services): void {
  addOperation(app, listAllClusters, async input =>
    (await readPageOf(input, '/admin/clusters', page => administration.listClusters(page))).map(
      toClusterBody,
    ),
  )
  addOperation(app, stopAnyCluster, async ({ request, reply }) => {
    const id = readClusterId(request)
    const { status, hadEnded } = await lifecycle.stopOfOther(identityOf(request).user, id)
    return reply.code(hadEnded ? 200 : 202).send({ id, status })
  })
}

function addServerRoutes(app: FastifyInstance, { administration, health, usage }: Services): void {
  addOperation(app, getEngine, async () => {
    const { users, live, byStatus } = await administration.getTotals()
    return { ...toHealthBody(health), users, live, clusters_by_status: byStatus }
  })
  addOperation(app, getAllUsage, async ({ query }) => {
    const { month, users } = await usage.ofAllUsers(query.month)
    const rows = users.map(({ userId, username, ...hours }) => ({
      user: userId,
      username,
      ...toHoursBody(hours),
    }))
    return { month, users: rows }
  })
  addOperation(app, listAudit, async input =>
    (await readPageOf(input, '/admin/audit', page => administration.listAudit(page))).map(toActBody),
  )
}

/** The rows of a page, with the header that leads to the next one. */
async function readPageOf<Row extends { readonly id: number }>(
  { query, reply }: Pick<Input<{ limit?: number; cursor?: string }, unknown>, 'query' | 'reply'>,
  path: string,
  list: (page: Page) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const { shown, nextBefore } = await takePage(readPage(query), list)
  if (nextBefore !== undefined) reply.header('link', formatNextLink(path, query, nextBefore))
  return shown
}

function toClusterBody(cluster: AdministeredCluster) {
  return {
    id: cluster.id,
    creator: cluster.creatorId,
    creator_name: cluster.creator,
    status: cluster.status,
    reason: cluster.reason,
    engine: cluster.engine,
    cpus: cluster.cpus,
    memory: cluster.memory,
    workers: cluster.workers,
    ready_workers: cluster.readyWorkers,
    created_at: cluster.createdAt,
    started_at: cluster.startedAt,
  }
}

function toHealthBody({ engine, home, problem, described, lastPass }: EngineHealth) {
  const facts = described?.facts
  return {
    engine,
    home,
    problem,
    described_at: described?.at ?? null,
    summary: facts?.summary ?? null,
    largest_worker: facts === undefined ? null : toLargestWorker(facts.largestWorker),
    missing_programs: [...(facts?.missingPrograms ?? [])].map(([runtime, message]) => ({ runtime, message })),
    last_pass: lastPass,
  }
}

function toActBody({ id, at, administrator, action, user, clusterId, details }: AuditEntry) {
  return { id, at, administrator, action, user, cluster: clusterId, quota: parseQuota(details) }
}
