import { Type } from 'typebox'
import {
  LOGIN_TOKEN_DAYS,
  MAX_PASSWORD_LENGTH,
  MAX_TOKEN_NAME_LENGTH,
  MAX_USERNAME_LENGTH,
} from '../../domain/limits.ts'
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
const valueExample = 'clu_pZ4kJ0v1yC8sQm2XfR6uT9wLhB3nE5aGdV7iKoYxM1c'

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

export const startLogin = {
  id: 'startLogin',
  method: 'GET',
  url: '/token/login',
  summary: 'Get the CSRF value that a login needs',
  tag: 'login',
  open: true,
  answers: {
    200: {
      description: 'The value; it is in the cookie `csrftoken` as well',
      schema: Type.Object({ csrf_token: Type.String() }, { title: 'CsrfToken', additionalProperties: false }),
      example: { csrf_token: 'Jx2mT8wKc0vQ5rYb7nLh3fZs9dGp1aUe4iOk6tMyWqE' },
      headers: { 'Set-Cookie': 'The cookie `csrftoken`.' },
    },
  },
} as const satisfies Operation

export const login = {
  id: 'login',
  method: 'POST',
  url: '/token/login',
  summary: 'Log in with user name and password',
  description: `Needs the cookie of \`GET /token/login\`, and its value in the header \`X-CSRF-Token\` (or \`X-CSRFToken\`). The token is valid for ${LOGIN_TOKEN_DAYS} days.`,
  tag: 'login',
  open: true,
  headers: Type.Object({
    'x-csrf-token': Type.Optional(Type.String({ description: 'The value of the cookie `csrftoken`.' })),
  }),
  body: Type.Object(
    {
      username: Type.String({ maxLength: MAX_USERNAME_LENGTH }),
      password: Type.String({ maxLength: MAX_PASSWORD_LENGTH, format: 'password' }),
    },
    { title: 'Credentials', additionalProperties: false },
  ),
  bodyExample: { username: 'alice', password: 'hunter2' },
  bodyTypes: ['application/x-www-form-urlencoded'],
  answers: {
    200: {
      description: 'The token',
      schema: Type.Object(
        { auth_token: Type.String({ minLength: 40 }) },
        { title: 'AuthToken', additionalProperties: false },
      ),
      example: { auth_token: valueExample },
    },
  },
  problems: ['wrong-credentials', 'csrf-failed', 'too-many-login-failures'],
} as const satisfies Operation

export const logout = {
  id: 'logout',
  method: 'POST',
  url: '/token/logout',
  summary: 'Revoke the token that this request is made with',
  tag: 'login',
  answers: { 204: { description: 'The token is dead.' } },
} as const satisfies Operation
