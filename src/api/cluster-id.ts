import type { FastifyRequest } from 'fastify'
import { NO_SUCH_CLUSTER } from '../service/clusters.ts'
import { readPathId } from './path-id.ts'

export function readClusterId(request: FastifyRequest): number {
  return readPathId(request, NO_SUCH_CLUSTER)
}
