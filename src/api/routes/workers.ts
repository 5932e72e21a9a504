import type { FastifyInstance } from 'fastify'
import type { Workers } from '../../service/workers.ts'
import { readClusterId } from '../cluster-id.ts'
import { sendJson } from '../json.ts'
import { addOperation, identityOf } from '../operation.ts'
import { listWorkers } from '../schemas/worker.ts'

export function addWorkerRoutes(app: FastifyInstance, { workers }: { workers: Workers }): void {
  addOperation(app, listWorkers, async ({ request, reply }) =>
    sendJson(reply, await workers.list(identityOf(request).user, readClusterId(request))),
  )
}
