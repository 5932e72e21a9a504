import type { FastifyRequest } from 'fastify'
import { NotFound } from '../domain/errors.ts'
import { NO_SUCH_CLUSTER } from '../service/clusters.ts'
import { parseId } from './paging.ts'

/** Throws the same `NotFound` for what is no id as for an id that does not exist. */
export function readClusterId(request: FastifyRequest): number {
  const { id } = request.params as { id: string }
  const parsed = parseId(id)
  if (parsed === undefined) throw new NotFound(NO_SUCH_CLUSTER)
  return parsed
}
