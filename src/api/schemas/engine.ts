import { Type } from 'typebox'
import type { Operation } from '../operation.ts'
import { ADMINISTRATION, amount, count } from './administration.ts'
import { nullable, time } from './nullable.ts'
import { hoursExample, hoursFields, monthQuery } from './usage.ts'

const size = Type.Object({ cpus: amount, memory: amount }, { additionalProperties: false })

const engineSchema = Type.Object(
  {
    engine: Type.String({ description: '`none`: nothing is launched.' }),
    home: Type.String({ description: 'Where its workers live.' }),
    problem: nullable(
      Type.String({ description: 'Why the engine did not answer the last time; `null`: it did.' }),
    ),
    described_at: nullable(time('When it last said what it can do; `null`: not yet.')),
    summary: nullable(Type.String({ description: 'What workers are held to.' })),
    largest_worker: nullable(size),
    missing_programs: Type.Array(
      Type.Object({ runtime: Type.String(), message: Type.String() }, { additionalProperties: false }),
      { description: 'Runtimes that cannot run, and what to install.' },
    ),
    last_pass: nullable(
      Type.Object(
        { at: time('When it ended.'), ms: count, clusters: count },
        {
          additionalProperties: false,
          description: '`null`: this server has made none; another one makes them, or there is no engine.',
        },
      ),
    ),
    users: count,
    live: Type.Object(
      { clusters: count, workers: count, cpus: amount, memory_gib: amount },
      { additionalProperties: false, description: 'What the live clusters of everybody take.' },
    ),
    clusters_by_status: Type.Unsafe<Readonly<Record<string, number>>>({
      type: 'object',
      additionalProperties: { type: 'integer', minimum: 1 },
    }),
  },
  { title: 'EngineHealth', additionalProperties: false },
)

export const getEngine = {
  id: 'getEngine',
  method: 'GET',
  url: '/admin/engine',
  summary: 'Look up how the engine does, and what all clusters together take',
  ...ADMINISTRATION,
  answers: {
    200: {
      description: 'The engine of this server',
      schema: engineSchema,
      example: {
        engine: 'local',
        home: 'local:k3v9',
        problem: null,
        described_at: '2026-11-23T10:00:00.000Z',
        summary: 'Workers are held to their memory, CPUs and processes (cgroup v2).',
        largest_worker: { cpus: 16, memory: 128 },
        missing_programs: [],
        last_pass: { at: '2026-11-23T10:00:01.000Z', ms: 3, clusters: 1 },
        users: 2,
        live: { clusters: 1, workers: 2, cpus: 20, memory_gib: 20 },
        clusters_by_status: { running: 1 },
      },
    },
  },
} as const satisfies Operation

export const getAllUsage = {
  id: 'getAllUsage',
  method: 'GET',
  url: '/admin/usage',
  summary: 'Look up what each user took in a month',
  ...ADMINISTRATION,
  query: monthQuery,
  answers: {
    200: {
      description: 'Users who had anything, those that took the most first',
      schema: Type.Object(
        {
          month: Type.String(),
          users: Type.Array(
            Type.Object(
              { user: Type.Integer({ minimum: 1 }), username: Type.String(), ...hoursFields },
              { additionalProperties: false },
            ),
          ),
        },
        { title: 'AllUsage', additionalProperties: false },
      ),
      example: { month: '2026-11', users: [{ user: 2, username: 'betty', ...hoursExample }] },
    },
  },
} as const satisfies Operation
