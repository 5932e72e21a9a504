import type { FastifyRequest } from 'fastify'
import { NotFound } from '../domain/errors.ts'
import { parseId } from './paging.ts'

/** Throws the same `NotFound`, with `missing`, for what is no id as for an id that does not exist. */
export function readPathId(request: FastifyRequest, missing: string): number {
  const { id } = request.params as { id: string }
  const parsed = parseId(id)
  if (parsed === undefined) throw new NotFound(missing)
  return parsed
}
