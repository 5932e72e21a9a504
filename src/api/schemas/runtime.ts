import { Type } from 'typebox'
import { MAX_CPUS, MAX_MEMORY_GIB } from '../../domain/limits.ts'
import type { Operation } from '../operation.ts'

const amount = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0, description })
const orNull = (properties: object, description: string) =>
  Type.Unsafe({
    type: ['object', 'null'],
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    description,
  })

const runtimeSchema = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    takes_command: Type.Boolean({
      description: 'Whether each cluster brings its own command; then it must.',
    }),
    has_scheduler: Type.Boolean({
      description: 'Whether it has one extra worker that the others connect to.',
    }),
    can_tell_idleness: Type.Boolean({ description: 'Whether it takes `idle_timeout_seconds`.' }),
    available: Type.Boolean({ description: 'Whether it can run here now.' }),
    message: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'Why it cannot run here, and what to install.',
    }),
  },
  { title: 'Runtime', additionalProperties: false },
)

const offerSchema = Type.Object(
  {
    engine: Type.String({ description: 'What runs the workers; `none`: nothing is launched.' }),
    largest_worker: Type.Object(
      {
        cpus: Type.Number({ minimum: 0, maximum: MAX_CPUS }),
        memory: Type.Number({ minimum: 0, maximum: MAX_MEMORY_GIB, description: 'GiB.' }),
      },
      { additionalProperties: false, description: 'The largest worker that can be placed.' },
    ),
    capacity: orNull(
      { cpus: amount('`null`: no bound.'), memory: amount('GiB; `null`: no bound.') },
      'What all clusters of this server share. `null`: no bound, or the engine keeps a queue of its own.',
    ),
    enforced: orNull(
      { cpus: Type.Boolean(), memory: Type.Boolean() },
      'Whether a worker is really held to what it asked for. `null`: not known.',
    ),
    runtimes: Type.Array(runtimeSchema),
    limits: Type.Object(
      {
        cpus: Type.Number(),
        memory: Type.Number({ description: 'GiB.' }),
        workers: Type.Integer(),
        duration_seconds: Type.Integer({ description: 'Of lifetime and idle timeout.' }),
      },
      { additionalProperties: false, description: 'The most that any request may ask for.' },
    ),
  },
  { title: 'Offer', additionalProperties: false },
)

export const listRuntimes = {
  id: 'listRuntimes',
  method: 'GET',
  url: '/runtimes',
  summary: 'List what this server can run, and how large',
  description: 'By what the engine said of itself within the last minute.',
  tag: 'clusters',
  answers: {
    200: {
      description: 'What a new cluster can be',
      schema: offerSchema,
      example: {
        engine: 'local',
        largest_worker: { cpus: 8, memory: 30 },
        capacity: { cpus: 8, memory: 30 },
        enforced: { cpus: true, memory: true },
        limits: { cpus: 16, memory: 128, workers: 1000, duration_seconds: 31_536_000 },
        runtimes: [
          {
            name: 'idle',
            description: 'Holds its place until it is stopped.',
            takes_command: false,
            has_scheduler: false,
            can_tell_idleness: false,
            available: true,
            message: null,
          },
        ],
      },
    },
  },
} as const satisfies Operation
