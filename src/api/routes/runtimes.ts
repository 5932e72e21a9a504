import type { FastifyInstance } from 'fastify'
import { MAX_CPUS, MAX_DURATION_SECONDS, MAX_MEMORY_GIB, MAX_WORKERS } from '../../domain/limits.ts'
import type { Offer } from '../../service/offer.ts'
import { addOperation } from '../operation.ts'
import { listRuntimes } from '../schemas/runtime.ts'

export function addRuntimeRoutes(app: FastifyInstance, { offer }: { offer: Offer }): void {
  addOperation(app, listRuntimes, () => Promise.resolve(toOfferBody(offer)))
}

/** While nobody knows what the engine can do, the bounds of the API stand for it. */
function toOfferBody({ engine, facts, runtimes }: Offer) {
  return {
    engine,
    largest_worker: toLargestWorker(facts?.largestWorker ?? { cpus: MAX_CPUS, memory: MAX_MEMORY_GIB }),
    capacity: facts?.capacity === undefined ? null : toBounds(facts.capacity),
    enforced: facts === undefined ? null : { cpus: facts.enforced.cpus, memory: facts.enforced.memory },
    limits: {
      cpus: MAX_CPUS,
      memory: MAX_MEMORY_GIB,
      workers: MAX_WORKERS,
      duration_seconds: MAX_DURATION_SECONDS,
    },
    runtimes: [...runtimes.values()].map(({ name, description, command, scheduler, idleness }) => {
      const message = facts?.missingPrograms.get(name) ?? null
      return {
        name,
        description,
        takes_command: command === undefined,
        has_scheduler: scheduler !== undefined,
        can_tell_idleness: idleness !== undefined,
        available: message === null,
        message,
      }
    }),
  }
}

/** What the API allows, where the engine allows more. */
export function toLargestWorker({ cpus, memory }: { cpus: number; memory: number }) {
  return { cpus: Math.min(MAX_CPUS, cpus), memory: Math.min(MAX_MEMORY_GIB, memory) }
}

/** JSON has no infinity. */
function toBounds({ cpus, memory }: { cpus: number; memory: number }) {
  return { cpus: Number.isFinite(cpus) ? cpus : null, memory: Number.isFinite(memory) ? memory : null }
}
