import { Type } from 'typebox'
import { AUDIT_ACTIONS } from '../../domain/audit.ts'
import { CLUSTER_REASONS, CLUSTER_STATUSES } from '../../domain/cluster.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../paging.ts'
import { nullable, time } from './nullable.ts'

const id = Type.Integer({ minimum: 1 })
export const count = Type.Integer({ minimum: 0 })
export const amount = Type.Number({ minimum: 0 })
const bound = (description: string) => nullable(Type.Number({ minimum: 0, description }))

const quotaFields = {
  clusters: nullable(Type.Integer({ minimum: 0, description: '`null`: unlimited.' })),
  cpus: bound('Over all workers; `null`: unlimited.'),
  memory_gib: bound('Over all workers; `null`: unlimited.'),
}

const userSchema = Type.Object(
  {
    id,
    username: Type.String(),
    is_administrator: Type.Boolean(),
    created_at: time('When it was added.'),
    disabled_at: nullable(time('`null`: the user may log in.')),
    quota: Type.Object(quotaFields, { additionalProperties: false }),
    has_own_quota: Type.Boolean({
      description: 'Whether the quota differs from what the server allows everybody.',
    }),
    used: Type.Object({ clusters: count, cpus: amount, memory_gib: amount }, { additionalProperties: false }),
  },
  { title: 'AdministeredUser', additionalProperties: false },
)

const userExample = {
  id: 2,
  username: 'betty',
  is_administrator: false,
  created_at: '2026-11-23T10:00:00.000Z',
  disabled_at: null,
  quota: { clusters: null, cpus: 64, memory_gib: 256 },
  has_own_quota: false,
  used: { clusters: 1, cpus: 10, memory_gib: 10 },
}

export const ADMINISTRATION = { tag: 'administration', administrators: true } as const
const pages = { Link: 'The path of the next page, when there is more.' }
const query = Type.Object(pageQuery, { additionalProperties: false })

export const listUsers = {
  id: 'listUsers',
  method: 'GET',
  url: '/admin/users',
  summary: 'List all users, the newest first, with what they may use and do use',
  ...ADMINISTRATION,
  query,
  answers: {
    200: { description: 'Users', schema: Type.Array(userSchema), example: [userExample], headers: pages },
  },
} as const satisfies Operation

export const updateUser = {
  id: 'updateUser',
  method: 'PATCH',
  url: '/admin/users/:id',
  summary: 'Set what a user may have at once',
  description: 'What is used above it goes on.',
  ...ADMINISTRATION,
  body: Type.Object(
    {
      quota: nullable(
        Type.Object(quotaFields, {
          additionalProperties: false,
          description: 'All three limits. `null`: what the server allows everybody.',
        }),
      ),
    },
    { title: 'UserChanges', additionalProperties: false },
  ),
  bodyExample: { quota: { clusters: 10, cpus: 128, memory_gib: null } },
  answers: {
    200: { description: 'The user', schema: userSchema, example: { ...userExample, has_own_quota: true } },
  },
} as const satisfies Operation

export const disableUser = {
  id: 'disableUser',
  method: 'POST',
  url: '/admin/users/:id/disable',
  summary: 'Disable a user: no login, and every token is dead at once',
  description: 'Their clusters go on; stop those that should not.',
  ...ADMINISTRATION,
  answers: {
    200: {
      description: 'The user; idempotent',
      schema: userSchema,
      example: { ...userExample, disabled_at: '2026-11-24T10:00:00.000Z' },
    },
  },
} as const satisfies Operation

export const enableUser = {
  id: 'enableUser',
  method: 'POST',
  url: '/admin/users/:id/enable',
  summary: 'Enable a disabled user; tokens that have not expired work again',
  ...ADMINISTRATION,
  answers: { 200: { description: 'The user; idempotent', schema: userSchema, example: userExample } },
} as const satisfies Operation

const clusterSchema = Type.Object(
  {
    id,
    creator: id,
    creator_name: Type.String(),
    status: Type.Enum(CLUSTER_STATUSES),
    reason: Type.Enum(CLUSTER_REASONS),
    engine: Type.String(),
    cpus: amount,
    memory: amount,
    workers: count,
    ready_workers: count,
    created_at: time('When it was asked for.'),
    started_at: nullable(time('When its first worker had a place.')),
  },
  {
    title: 'AdministeredCluster',
    additionalProperties: false,
    description: 'What it takes, and nothing of what is in it.',
  },
)

export const listAllClusters = {
  id: 'listAllClusters',
  method: 'GET',
  url: '/admin/clusters',
  summary: 'List the live clusters of everybody, the newest first, by what they take',
  ...ADMINISTRATION,
  query,
  answers: {
    200: {
      description: 'Live clusters',
      schema: Type.Array(clusterSchema),
      example: [
        {
          id: 7,
          creator: 2,
          creator_name: 'betty',
          status: 'running',
          reason: 'ready',
          engine: 'local',
          cpus: 10,
          memory: 10,
          workers: 2,
          ready_workers: 2,
          created_at: '2026-11-23T10:00:00.000Z',
          started_at: '2026-11-23T10:00:01.000Z',
        },
      ],
      headers: pages,
    },
  },
} as const satisfies Operation

const stoppedSchema = Type.Object(
  { id, status: Type.Enum(CLUSTER_STATUSES) },
  { title: 'StoppedCluster', additionalProperties: false },
)

export const stopAnyCluster = {
  id: 'stopAnyCluster',
  method: 'POST',
  url: '/admin/clusters/:id/stop',
  summary: 'Stop a cluster of anybody',
  description: 'Its creator sees the reason `stopped_by_administrator`.',
  ...ADMINISTRATION,
  answers: {
    200: {
      description: 'It has ended already',
      schema: stoppedSchema,
      example: { id: 7, status: 'stopped' },
    },
    202: { description: 'It is asked to end', schema: stoppedSchema, example: { id: 7, status: 'stopping' } },
  },
} as const satisfies Operation

export const listAudit = {
  id: 'listAudit',
  method: 'GET',
  url: '/admin/audit',
  summary: 'List what administrators did, the newest first',
  ...ADMINISTRATION,
  query,
  answers: {
    200: {
      description: 'Acts',
      schema: Type.Array(
        Type.Object(
          {
            id,
            at: time('When.'),
            administrator: Type.String({ description: 'Who did it.' }),
            action: Type.Enum(AUDIT_ACTIONS),
            user: Type.String({ description: 'Whose user or cluster it was done to.' }),
            cluster: nullable(id),
            quota: Type.Unsafe<object | null>({
              type: ['object', 'null'],
              properties: quotaFields,
              description: 'Of `set_quota`: what it was set to; `null`: to what everybody has.',
            }),
          },
          { title: 'Act', additionalProperties: false },
        ),
      ),
      example: [
        {
          id: 1,
          at: '2026-11-24T10:00:00.000Z',
          administrator: 'carol',
          action: 'stop_cluster',
          user: 'betty',
          cluster: 7,
          quota: null,
        },
      ],
      headers: pages,
    },
  },
} as const satisfies Operation
