import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { InvalidRequest } from '../../domain/errors.ts'
import type { Events } from '../../service/events.ts'
import { readClusterId } from '../cluster-id.ts'
import { prefersStream, readLastEventId, sendEventStream } from '../event-stream.ts'
import { sendJson } from '../json.ts'
import type { LongAnswers } from '../long-answers.ts'
import { addOperation, identityOf } from '../operation.ts'
import { formatNextLink, readPage } from '../paging.ts'
import { listClusterEvents, listEvents } from '../schemas/event.ts'

interface Services {
  readonly events: Events
}

/** What is asked for: `path` is that of the list, and `clusterId` is absent for all clusters. */
interface Asked {
  readonly path: string
  readonly clusterId: number | undefined
  readonly query: { limit?: number; cursor?: string }
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export function addEventRoutes(app: FastifyInstance, { events }: Services, answers: LongAnswers): void {
  const answer = (asked: Asked) => {
    asked.reply.header('vary', 'accept')
    return prefersStream(asked.request.headers.accept) ? stream(asked) : list(asked)
  }

  async function list({ path, clusterId, query, request, reply }: Asked): Promise<FastifyReply> {
    const page = await events.list(identityOf(request).user, { clusterId, ...readPage(query) })
    if (page.nextBefore !== undefined) reply.header('link', formatNextLink(path, query, page.nextBefore))
    return sendJson(reply, page.json)
  }

  async function stream({ clusterId, query, request, reply }: Asked): Promise<FastifyReply> {
    reply.raw.route = `${request.routeOptions.url ?? ''} stream`
    const unfit = Object.keys(query).map(name => [name, ['is not for a stream']] as const)
    if (unfit.length > 0) throw new InvalidRequest(Object.fromEntries(unfit))
    const after = readLastEventId(request)
    const signal = answers.begin(request, reply)
    const batches = await events.openStream(identityOf(request).user, { clusterId, after, signal })
    return batches === undefined ? reply.code(204).send() : sendEventStream(reply, batches)
  }

  addOperation(app, listEvents, ({ query, request, reply }) =>
    answer({ path: '/events', clusterId: undefined, query, request, reply }),
  )

  addOperation(app, listClusterEvents, async ({ query, request, reply }) => {
    const clusterId = readClusterId(request)
    return await answer({ path: `/clusters/${clusterId}/events`, clusterId, query, request, reply })
  })
}
