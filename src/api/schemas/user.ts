import { Type } from 'typebox'
import type { Operation } from '../operation.ts'

const limit = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0, description })

const meSchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1 }),
    username: Type.String(),
    is_administrator: Type.Boolean(),
    quota: Type.Object(
      {
        clusters: limit('`null`: unlimited.'),
        cpus: limit('Over all workers; `null`: unlimited.'),
        memory_gib: limit('Over all workers; `null`: unlimited.'),
      },
      { additionalProperties: false, description: 'What you may have at once.' },
    ),
    used: Type.Object(
      {
        clusters: Type.Integer({ minimum: 0 }),
        cpus: Type.Number({ minimum: 0 }),
        memory_gib: Type.Number({ minimum: 0 }),
      },
      { additionalProperties: false, description: 'What your live clusters use of it.' },
    ),
  },
  { title: 'Me', additionalProperties: false },
)

export const getMe = {
  id: 'getMe',
  method: 'GET',
  url: '/users/me',
  summary: 'Look up yourself, your quota and what you use of it',
  tag: 'users',
  answers: {
    200: {
      description: 'You',
      schema: meSchema,
      example: {
        id: 1,
        username: 'alice',
        is_administrator: false,
        quota: { clusters: null, cpus: 64, memory_gib: 256 },
        used: { clusters: 1, cpus: 10, memory_gib: 10 },
      },
    },
  },
} as const satisfies Operation
