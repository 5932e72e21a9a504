import type { FastifyInstance } from 'fastify'
import type { ClusterCredentials } from '../../service/credentials.ts'
import type { Logs } from '../../service/logs.ts'
import type { Workers } from '../../service/workers.ts'
import { readClusterId } from '../cluster-id.ts'
import { sendJson } from '../json.ts'
import type { LongAnswers } from '../long-answers.ts'
import { addOperation, identityOf } from '../operation.ts'
import { getCredentials, getLogs, listWorkers } from '../schemas/worker.ts'
import { begin, sendText } from '../text-answer.ts'

interface Services {
  readonly workers: Workers
  readonly logs: Logs
  readonly credentials: ClusterCredentials
}

export function addWorkerRoutes(
  app: FastifyInstance,
  { workers, logs, credentials }: Services,
  answers: LongAnswers,
): void {
  addOperation(app, listWorkers, async ({ request, reply }) =>
    sendJson(reply, await workers.list(identityOf(request).user, readClusterId(request))),
  )

  addOperation(app, getCredentials, async ({ request, reply }) => {
    const clusterId = readClusterId(request)
    const pem = await credentials.get(identityOf(request).user, clusterId)
    void reply.headers({
      'content-type': 'application/x-pem-file',
      'content-disposition': `attachment; filename="cluster-${clusterId}.pem"`,
    })
    return reply.send(pem)
  })

  addOperation(app, getLogs, async ({ query, request, reply }) => {
    const { user } = identityOf(request)
    const clusterId = readClusterId(request)
    const follow = query.follow === 'true' && request.method !== 'HEAD'
    if (follow) reply.raw.route = `${getLogs.url} follow`
    const signal = answers.begin(request, reply)
    const tail = query.tail === undefined ? {} : { tailLines: query.tail }
    const output = await logs.open(user, clusterId, readSeat(query.worker), { ...tail, follow, signal })
    // Who follows may wait long for the first byte.
    return await sendText(reply, follow ? output : await begin(output))
  })
}

function readSeat(worker = '0') {
  return worker === 'scheduler'
    ? ({ role: 'scheduler', index: 0 } as const)
    : ({ role: 'worker', index: Number(worker) } as const)
}
