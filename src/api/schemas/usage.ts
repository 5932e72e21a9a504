import { Type } from 'typebox'
import type { Operation } from '../operation.ts'

const hours = (description: string) => Type.Number({ minimum: 0, description })
const amountOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0, description })

export const hoursFields = {
  core_hours: hours('CPUs of the workers, times the hours they had a place, used or not.'),
  gib_hours: hours('GiB of the workers, times those hours.'),
  used_core_hours: amountOrNull(
    'CPU time of workers that ran then, over their whole life. `null`: the engine cannot tell.',
  ),
  cost: Type.Unsafe<{ amount: number; currency: string } | null>({
    type: ['object', 'null'],
    properties: { amount: { type: 'number', minimum: 0 }, currency: { type: 'string' } },
    required: ['amount', 'currency'],
    additionalProperties: false,
    description: 'By the prices that the operator has set; `null` without any.',
  }),
}
export const hoursExample = {
  core_hours: 32,
  gib_hours: 64,
  used_core_hours: 4.2,
  cost: { amount: 1.6, currency: 'EUR' },
}

const sampleSchema = Type.Object(
  {
    at: Type.String({ format: 'date-time' }),
    minutes: Type.Unsafe<1 | 60>({
      type: 'integer',
      enum: [1, 60],
      description: '1: the average of a minute. 60: the highest of an hour, once that is a day ago.',
    }),
    cpus: amountOrNull('All its workers together.'),
    memory_gib: amountOrNull('All its workers together.'),
  },
  { title: 'Sample', additionalProperties: false },
)

const clusterUsageSchema = Type.Object(
  {
    cluster: Type.Integer({ minimum: 1 }),
    ...hoursFields,
    requested: Type.Object(
      { cpus: Type.Number(), memory_gib: Type.Number() },
      { additionalProperties: false, description: 'What all its workers together ask for.' },
    ),
    peak: Type.Object(
      {
        cpus: amountOrNull('The highest of all samples.'),
        memory_gib: amountOrNull('The highest of all samples.'),
        worker_memory_gib: amountOrNull('The most that one worker ever had at once.'),
      },
      { additionalProperties: false, description: '`null`: the engine cannot tell, or not yet.' },
    ),
    samples: Type.Array(sampleSchema, { description: 'One a minute while it runs, the oldest first.' }),
  },
  { title: 'ClusterUsage', additionalProperties: false },
)

const monthSchema = Type.Object(
  {
    month: Type.String(),
    ...hoursFields,
    clusters: Type.Array(
      Type.Object(
        {
          cluster: Type.Integer({ minimum: 1 }),
          name: Type.Unsafe<string | null>({
            type: ['string', 'null'],
            description: '`null`: it was deleted.',
          }),
          ...hoursFields,
        },
        { title: 'UsageOfOne', additionalProperties: false },
      ),
      { description: 'Those that took the most first, at most 1000.' },
    ),
  },
  { title: 'MonthUsage', additionalProperties: false },
)

export const monthQuery = Type.Object(
  {
    month: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-(0[1-9]|1[0-2])$',
        description: 'In UTC; this month without it.',
        'x-error': 'must be a month such as 2026-11',
      }),
    ),
  },
  { additionalProperties: false },
)

export const getClusterUsage = {
  id: 'getClusterUsage',
  method: 'GET',
  url: '/clusters/:id/usage',
  summary: 'Look up what a cluster took, and what of it was used',
  tag: 'usage',
  answers: {
    200: {
      description: 'Its usage since it was created',
      schema: clusterUsageSchema,
      example: {
        cluster: 7,
        ...hoursExample,
        requested: { cpus: 16, memory_gib: 32 },
        peak: { cpus: 2.1, memory_gib: 6.5, worker_memory_gib: 3.3 },
        samples: [{ at: '2026-11-23T10:01:00.000Z', minutes: 1, cpus: 2.1, memory_gib: 6.5 }],
      },
    },
  },
} as const satisfies Operation

export const getUsage = {
  id: 'getUsage',
  method: 'GET',
  url: '/usage',
  summary: 'Look up what your clusters took in a month',
  description: 'Deleted clusters count as well.',
  tag: 'usage',
  query: monthQuery,
  answers: {
    200: {
      description: 'Your usage',
      schema: monthSchema,
      example: {
        month: '2026-11',
        ...hoursExample,
        clusters: [{ cluster: 7, name: 'etl', ...hoursExample }],
      },
    },
  },
} as const satisfies Operation
