import { Type } from 'typebox'
import { CLUSTER_REASONS, CLUSTER_STATUSES } from '../../domain/cluster.ts'
import {
  DEFAULT_WAIT_SECONDS,
  MAX_COMMAND_STRINGS,
  MAX_CPUS,
  MAX_DURATION_SECONDS,
  MAX_MEMORY_GIB,
  MAX_NAME_LENGTH,
  MAX_WAIT_SECONDS,
  MAX_WORKERS,
  NAME_PATTERN,
} from '../../domain/limits.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../paging.ts'
import { nullable, time } from './nullable.ts'

const cpus = Type.Number({
  exclusiveMinimum: 0,
  maximum: MAX_CPUS,
  description: 'CPUs per worker; may have a fraction.',
})
const memory = Type.Number({
  exclusiveMinimum: 0,
  maximum: MAX_MEMORY_GIB,
  description: 'GiB of memory per worker; may have a fraction.',
})
const name = Type.String({
  pattern: NAME_PATTERN,
  description: 'Need not be unique.',
  'x-error': `must be 1 to ${MAX_NAME_LENGTH} letters, digits, dots, dashes or underscores`,
})
const workers = Type.Integer({ minimum: 1, maximum: MAX_WORKERS, description: 'How many equal workers.' })
const runtimeDescription = 'What the workers run.'
const command = Type.Array(Type.String(), {
  minItems: 1,
  maxItems: MAX_COMMAND_STRINGS,
  description: 'The program and its arguments, never run through a shell; at most 64 KiB in all.',
})
const environment = Type.Unsafe<Record<string, string>>({
  type: 'object',
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
  additionalProperties: { type: 'string' },
  description: 'Variables of the workers; at most 64 KiB in all. Shown to nobody but the creator.',
})
const seconds = (description: string) =>
  Type.Integer({ minimum: 1, maximum: MAX_DURATION_SECONDS, description })
const idleTimeout = seconds('Ends the cluster when it was idle for so long, where the runtime can tell.')
const lifetime = seconds('Ends the cluster so long after its start.')

/** `null` asks for the default, as leaving the field out does: a cluster that was read can be sent again. */
export const clusterRequestSchema = Type.Object(
  {
    creator: Type.Integer({
      description: 'Your own user id; `GET /users/me` tells it.',
      'x-error': 'must be your own user id',
    }),
    cpus,
    memory,
    name: Type.Optional(name),
    workers: Type.Optional(Type.Integer({ ...workers, default: 1 })),
    runtime: Type.Optional(
      Type.String({ description: `${runtimeDescription} \`GET /runtimes\` lists them.`, default: 'idle' }),
    ),
    command: Type.Optional(nullable(command)),
    environment: Type.Optional(environment),
    idle_timeout_seconds: Type.Optional(nullable(idleTimeout)),
    lifetime_seconds: Type.Optional(nullable(lifetime)),
  },
  { title: 'ClusterRequest', additionalProperties: false },
)

export const clusterSchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1 }),
    creator: Type.Integer({ minimum: 1, description: 'The id of the user who created it.' }),
    cpus,
    memory,
    name,
    workers,
    runtime: Type.String({ description: runtimeDescription }),
    command: nullable(command),
    environment,
    status: Type.Enum([...CLUSTER_STATUSES], { description: 'Never goes back.' }),
    reason: Type.Enum([...CLUSTER_REASONS], { description: 'Why it has this status.' }),
    message: nullable(Type.String({ description: 'The engine’s own words, and what to do.' })),
    engine: Type.String({ description: 'What runs the workers.' }),
    ready_workers: Type.Integer({ minimum: 0 }),
    address: nullable(Type.String({ description: 'Where a client connects.' })),
    idle_timeout_seconds: nullable(idleTimeout),
    lifetime_seconds: nullable(lifetime),
    expires_at: nullable(time('When its lifetime ends.')),
    created_at: time('When it was asked for.'),
    started_at: nullable(time('When its first worker was placed.')),
    ready_at: nullable(time('When all workers had been ready.')),
    ended_at: nullable(time('When it was confirmed gone.')),
  },
  { title: 'Cluster', additionalProperties: false },
)

const clusterExample = {
  id: 7,
  creator: 1,
  cpus: 10,
  memory: 10,
  name: 'cluster-7',
  workers: 1,
  runtime: 'idle',
  command: null,
  environment: {},
  status: 'pending',
  reason: 'none_configured',
  message:
    'No engine is configured (CLUSTERS_ENGINE=none): the cluster is recorded, and nothing is launched.',
  engine: 'none',
  ready_workers: 0,
  address: null,
  idle_timeout_seconds: null,
  lifetime_seconds: null,
  expires_at: null,
  created_at: '2026-11-23T10:00:00.000Z',
  started_at: null,
  ready_at: null,
  ended_at: null,
}

export const createCluster = {
  id: 'createCluster',
  method: 'POST',
  url: '/clusters',
  summary: 'Create a cluster',
  description:
    'Answered once the cluster is on disk; it is launched afterwards. With the header `Idempotency-Key`, the same request sent again within 24 hours is answered as the first was, and nothing is created twice.',
  tag: 'clusters',
  headers: Type.Object({
    'idempotency-key': Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: '1 to 64 printable ASCII characters.' }),
    ),
  }),
  body: clusterRequestSchema,
  bodyExample: { creator: 1, cpus: 10, memory: 10 },
  answers: {
    201: {
      description: 'The cluster',
      schema: clusterSchema,
      example: clusterExample,
      headers: { Location: 'The path of the cluster.' },
    },
  },
  problems: ['quota-exceeded', 'idempotency-conflict'],
} as const satisfies Operation

export const listClusters = {
  id: 'listClusters',
  method: 'GET',
  url: '/clusters',
  summary: 'List your clusters, the newest first',
  tag: 'clusters',
  query: Type.Object(
    {
      status: Type.Optional(
        Type.Enum([...CLUSTER_STATUSES], { description: 'Only those with this status.' }),
      ),
      name: Type.Optional(Type.String({ ...name, description: 'Only those with just this name.' })),
      ...pageQuery,
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'The clusters',
      schema: Type.Array(clusterSchema),
      example: [clusterExample],
      headers: {
        Link: 'The path of the next page, when there is more: `</clusters?cursor=...>; rel="next"`.',
      },
    },
  },
} as const satisfies Operation

export const getCluster = {
  id: 'getCluster',
  method: 'GET',
  url: '/clusters/:id',
  summary: 'Look up a cluster of yours',
  description:
    'Anybody else’s is answered just as one that does not exist. With `wait_for` it is answered once the cluster has that status or cannot have it any more, and after `timeout` in any case.',
  tag: 'clusters',
  query: Type.Object(
    {
      wait_for: Type.Optional(Type.Enum([...CLUSTER_STATUSES], { description: 'Waits for this status.' })),
      timeout: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MAX_WAIT_SECONDS,
          default: DEFAULT_WAIT_SECONDS,
          description: 'Waits at most so many seconds; only with `wait_for`.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: { 200: { description: 'The cluster', schema: clusterSchema, example: clusterExample } },
  problems: ['too-many-streams'],
} as const satisfies Operation

export const updateCluster = {
  id: 'updateCluster',
  method: 'PATCH',
  url: '/clusters/:id',
  summary: 'Grow, shrink or rename a cluster of yours',
  description:
    'Workers are launched or ended afterwards, those with the highest index first. A cluster that is stopping or has ended takes a new name only.',
  tag: 'clusters',
  body: Type.Object(
    { workers: Type.Optional(workers), name: Type.Optional(name) },
    { title: 'ClusterChanges', additionalProperties: false, minProperties: 1 },
  ),
  bodyExample: { workers: 4 },
  answers: {
    200: { description: 'The cluster', schema: clusterSchema, example: { ...clusterExample, workers: 4 } },
  },
  problems: ['quota-exceeded', 'cluster-ended'],
} as const satisfies Operation

const stoppingExample = {
  ...clusterExample,
  status: 'stopping',
  reason: 'stopped_by_user',
  message: null,
  engine: 'local',
  started_at: '2026-11-23T10:00:01.000Z',
}

export const stopCluster = {
  id: 'stopCluster',
  method: 'POST',
  url: '/clusters/:id/stop',
  summary: 'Stop a cluster of yours',
  description:
    'May be sent again. It is `stopping` until its workers are confirmed gone, and counts for your quota until then; where none runs it is `stopped` at once.',
  tag: 'clusters',
  answers: {
    200: {
      description: 'The cluster, which had ended already',
      schema: clusterSchema,
      example: { ...stoppingExample, status: 'stopped', ended_at: '2026-11-23T11:00:00.000Z' },
    },
    202: { description: 'The cluster', schema: clusterSchema, example: stoppingExample },
  },
} as const satisfies Operation

export const deleteCluster = {
  id: 'deleteCluster',
  method: 'DELETE',
  url: '/clusters/:id',
  summary: 'Delete a cluster of yours',
  description:
    'Once is enough: while workers of it run, it is stopped, and forgotten as soon as they are confirmed gone.',
  tag: 'clusters',
  answers: {
    202: {
      description: 'The cluster, which is stopped first',
      schema: clusterSchema,
      example: stoppingExample,
    },
    204: { description: 'It is gone.' },
  },
} as const satisfies Operation
