import { Type } from 'typebox'
import { MAX_TOKEN_NAME_LENGTH } from '../../domain/limits.ts'
import type { Operation } from '../operation.ts'
import { pageQuery } from '../paging.ts'

const name = Type.String({
  minLength: 1,
  maxLength: MAX_TOKEN_NAME_LENGTH,
  pattern: '^[^\\p{Cc}\\p{Cs}]*$',
  description: 'What it is for.',
  'x-error': `must be 1 to ${MAX_TOKEN_NAME_LENGTH} characters, without control characters`,
})
const timeOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description })

const tokenFields = {
  id: Type.Integer({ minimum: 1 }),
  name,
  created_at: Type.String({ format: 'date-time' }),
  expires_at: timeOrNull('`null`: valid until it is revoked.'),
  last_used_at: timeOrNull('To the minute; `null`: never.'),
}

const tokenSchema = Type.Object(
  { ...tokenFields, current: Type.Boolean({ description: 'Whether this request was made with it.' }) },
  { title: 'Token', additionalProperties: false },
)

const issuedTokenSchema = Type.Object(
  { ...tokenFields, token: Type.String({ description: 'The token itself, shown this once.' }) },
  { title: 'IssuedToken', additionalProperties: false },
)

const tokenExample = {
  id: 3,
  name: 'nightly',
  created_at: '2026-11-23T10:00:00.000Z',
  expires_at: '2027-02-23T10:00:00.000Z',
  last_used_at: null,
}
export const valueExample = 'clu_pZ4kJ0v1yC8sQm2XfR6uT9wLhB3nE5aGdV7iKoYxM1c'

export const listTokens = {
  id: 'listTokens',
  method: 'GET',
  url: '/tokens',
  summary: 'List your tokens, the newest first',
  tag: 'tokens',
  query: Type.Object(pageQuery, { additionalProperties: false }),
  answers: {
    200: {
      description: 'The tokens, without their values',
      schema: Type.Array(tokenSchema),
      example: [{ ...tokenExample, current: false }],
      headers: { Link: 'The path of the next page, when there is more.' },
    },
  },
} as const satisfies Operation

export const createToken = {
  id: 'createToken',
  method: 'POST',
  url: '/tokens',
  summary: 'Create a named token',
  tag: 'tokens',
  body: Type.Object(
    {
      name,
      expires_at: Type.Optional(timeOrNull('In the future. Absent or `null`: valid until it is revoked.')),
    },
    { title: 'TokenRequest', additionalProperties: false },
  ),
  bodyExample: { name: 'nightly', expires_at: '2027-02-23T10:00:00Z' },
  answers: {
    201: {
      description: 'The token; its value is shown this once',
      schema: issuedTokenSchema,
      example: { ...tokenExample, token: valueExample },
    },
  },
} as const satisfies Operation

export const deleteToken = {
  id: 'deleteToken',
  method: 'DELETE',
  url: '/tokens/:id',
  summary: 'Revoke a token of yours',
  tag: 'tokens',
  answers: { 204: { description: 'It is revoked.' } },
} as const satisfies Operation
