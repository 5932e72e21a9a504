import { Type } from 'typebox'
import { MAX_TAIL_LINES, MAX_WORKERS } from '../../domain/limits.ts'
import { WORKER_END_REASONS, WORKER_ROLES, WORKER_STATUSES } from '../../domain/worker.ts'
import type { Operation } from '../operation.ts'
import { nullable, time } from './nullable.ts'

const workerSchema = Type.Object(
  {
    id: Type.String({ description: 'Of this launch: a replacement has another one.' }),
    index: Type.Integer({
      minimum: 0,
      maximum: MAX_WORKERS - 1,
      description: 'Its seat, from 0 on; a replacement sits on the same.',
    }),
    role: Type.Enum([...WORKER_ROLES], {
      description: 'The scheduler is the one extra worker of some runtimes.',
    }),
    status: Type.Enum([...WORKER_STATUSES]),
    node: nullable(Type.String({ description: 'The machine it has a place on.' })),
    exit_code: nullable(Type.Integer()),
    signal: nullable(Type.String({ description: 'What ended it, such as `SIGKILL`.' })),
    reason: Type.Unsafe<(typeof WORKER_END_REASONS)[number] | null>({
      enum: [...WORKER_END_REASONS, null],
      description: 'Why it has ended.',
    }),
    message: nullable(Type.String({ description: 'The engine’s own words, and what to do.' })),
    attempt: Type.Integer({
      minimum: 0,
      description: 'How many on this seat have failed in a row, this one included should it fail.',
    }),
    created_at: time('When it was launched.'),
    started_at: nullable(time('When its program began.')),
    ended_at: nullable(time('When it was confirmed gone.')),
  },
  { title: 'Worker', additionalProperties: false },
)

export const listWorkers = {
  id: 'listWorkers',
  method: 'GET',
  url: '/clusters/:id/workers',
  summary: 'List the workers of a cluster of yours',
  description: 'The latest on each seat: the scheduler first where there is one, then by index.',
  tag: 'clusters',
  answers: {
    200: {
      description: 'The workers; none before the first launch',
      schema: Type.Array(workerSchema),
      example: [
        {
          id: 'k3v9x2m7q4t8w1z5',
          index: 0,
          role: 'worker',
          status: 'started',
          node: 'node-1',
          exit_code: null,
          signal: null,
          reason: null,
          message: null,
          attempt: 1,
          created_at: '2026-11-23T10:00:00.200Z',
          started_at: '2026-11-23T10:00:01.000Z',
          ended_at: null,
        },
      ],
    },
  },
} as const satisfies Operation

export const getCredentials = {
  id: 'getCredentials',
  method: 'GET',
  url: '/clusters/:id/credentials',
  summary: 'Get what lets you, and nobody else, connect to a cluster of yours',
  description:
    'The certificate of the cluster and its private key, as one file in PEM. Its workers have the same, and trust nothing else. There are none where the workers need none, and none before the first launch or after the end.',
  tag: 'clusters',
  answers: {
    200: {
      description: 'The certificate and its key',
      type: 'application/x-pem-file',
      schema: Type.String(),
      example:
        '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n',
      headers: { 'Content-Disposition': 'A name for the file.' },
    },
  },
} as const satisfies Operation

export const getLogs = {
  id: 'getLogs',
  method: 'GET',
  url: '/clusters/:id/logs',
  summary: 'Read what a worker of a cluster of yours prints',
  description:
    'Standard output and error as they came, of the latest worker on its seat; empty before its launch. When a worker has ended, the last 64 KiB are kept for as long as the cluster.',
  tag: 'clusters',
  query: Type.Object(
    {
      worker: Type.Optional(
        Type.String({
          pattern: '^(scheduler|0|[1-9][0-9]{0,2})$',
          default: '0',
          description: 'The index of a worker, or `scheduler`.',
          'x-error': 'must be the index of a worker, such as 0, or scheduler',
        }),
      ),
      tail: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: MAX_TAIL_LINES,
          description: 'Begins so many lines before the end; without it at the beginning of what is kept.',
        }),
      ),
      follow: Type.Optional(
        Type.Enum(['true', 'false'], {
          default: 'false',
          description:
            'Goes on with what is printed from now on, also by a worker that takes the place of this one, until the cluster has ended.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answers: {
    200: {
      description: 'The output',
      type: 'text/plain',
      schema: Type.String(),
      example: 'step 1 of 3\nstep 2 of 3\n',
    },
  },
  problems: ['too-many-streams'],
} as const satisfies Operation
