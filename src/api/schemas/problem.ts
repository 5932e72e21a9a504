import { Type } from 'typebox'

/** RFC 9457. Some problems have fields of their own beside these. */
export const problemSchema = Type.Object(
  {
    type: Type.String({
      description: 'What kind of problem, and where it is explained.',
      format: 'uri-reference',
    }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong with this request.' }),
    request_id: Type.String({ description: 'The same as in the server’s log.' }),
    errors: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.String()), {
        description: 'On 400 only: what is wrong, by field.',
      }),
    ),
    limit: Type.Optional(Type.String({ description: 'Which limit of the quota.' })),
    used: Type.Optional(Type.Number()),
    requested: Type.Optional(Type.Number()),
    allowed: Type.Optional(Type.Number()),
    cluster: Type.Optional(Type.String({ description: 'The cluster that an idempotency key created.' })),
  },
  { title: 'Problem', additionalProperties: false },
)
