import { Type } from 'typebox'
import { CLUSTER_REASONS, CLUSTER_STATUSES } from '../../domain/cluster.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../paging.ts'
import { nullable, time } from './nullable.ts'

const eventSchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1, description: 'Grows with every event of the server.' }),
    cluster: Type.Integer({ minimum: 1, description: 'The id of the cluster, which may be gone by now.' }),
    at: time('When it happened.'),
    status: Type.Enum([...CLUSTER_STATUSES], { description: 'What the cluster was from then on.' }),
    reason: Type.Enum([...CLUSTER_REASONS]),
    message: nullable(Type.String({ description: 'The engine’s own words, and what to do.' })),
  },
  { title: 'Event', additionalProperties: false },
)

const eventExample = {
  id: 42,
  cluster: 7,
  at: '2026-11-23T10:00:09.000Z',
  status: 'running',
  reason: 'ready',
  message: null,
}

const streamAnswer = {
  type: 'text/event-stream',
  schema: Type.String(),
  example: `: \n\nid: 42\nevent: cluster\ndata: ${JSON.stringify(eventExample)}\n\n`,
} as const

const headers = Type.Object({
  accept: Type.Optional(Type.String({ description: '`text/event-stream` asks for a stream.' })),
  'last-event-id': Type.Optional(
    Type.String({
      pattern: '^(0|[1-9][0-9]{0,15})$',
      description:
        'Of a stream: it goes on after this event, and leaves none out. `0` begins with the first; without it the stream begins now.',
    }),
  ),
})

const STREAM =
  'With `Accept: text/event-stream` it is a stream of server-sent events, whose `id` is the event’s number. It takes no `limit` and no `cursor`, and ends when the token is not valid any more.'

const listAnswer = {
  description: 'The events',
  schema: Type.Array(eventSchema),
  example: [eventExample],
  also: streamAnswer,
  headers: { Link: 'The path of the next page, when there is more.' },
} as const

export const listEvents = {
  id: 'listEvents',
  method: 'GET',
  url: '/events',
  summary: 'List what happened to your clusters, the newest first',
  description: `Of all your clusters, those that are gone included. ${STREAM}`,
  tag: 'clusters',
  query: Type.Object(pageQuery, { additionalProperties: false }),
  headers,
  answers: { 200: listAnswer },
  problems: ['too-many-streams'],
} as const satisfies Operation

export const listClusterEvents = {
  id: 'listClusterEvents',
  method: 'GET',
  url: '/clusters/:id/events',
  summary: 'List what happened to a cluster of yours, the newest first',
  description: `One event for every change of its status or reason. ${STREAM} A stream ends with the cluster.`,
  tag: 'clusters',
  query: Type.Object(pageQuery, { additionalProperties: false }),
  headers,
  answers: {
    200: listAnswer,
    204: { description: 'Of a stream: the cluster has ended, and there is nothing more to come.' },
  },
  problems: ['too-many-streams'],
} as const satisfies Operation
