import { Type } from 'typebox'
import {
  LOGIN_TOKEN_DAYS,
  MAX_PASSWORD_LENGTH,
  MAX_USERNAME_LENGTH,
  SESSION_DAYS,
} from '../../domain/limits.ts'
import type { Operation } from '../operation.ts'
import { SESSION_COOKIE } from '../session.ts'
import { valueExample } from './token.ts'

const NEEDS_CSRF =
  'Needs the cookie of `GET /token/login`, and its value in the header `X-CSRF-Token` (or `X-CSRFToken`).'

/** What every login takes. */
const CREDENTIALS = {
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
} as const

const LOGIN_PROBLEMS = ['wrong-credentials', 'csrf-failed', 'too-many-login-failures'] as const

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
  description: `${NEEDS_CSRF} The token is valid for ${LOGIN_TOKEN_DAYS} days.`,
  tag: 'login',
  open: true,
  ...CREDENTIALS,
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
  problems: LOGIN_PROBLEMS,
} as const satisfies Operation

export const logout = {
  id: 'logout',
  method: 'POST',
  url: '/token/logout',
  summary: 'Revoke the token that this request is made with',
  tag: 'login',
  answers: { 204: { description: 'The token is dead.' } },
} as const satisfies Operation

export const startSession = {
  id: 'startSession',
  method: 'POST',
  url: '/session',
  summary: 'Log in a page: the token is kept in a cookie',
  description: `${NEEDS_CSRF} The session is a token that no script can read, valid for ${SESSION_DAYS} days; whatever is changed with it needs the CSRF value, too.`,
  tag: 'login',
  open: true,
  ...CREDENTIALS,
  answers: {
    204: {
      description: 'You are logged in',
      headers: { 'Set-Cookie': `The cookie \`${SESSION_COOKIE}\`, for HTTP alone.` },
    },
  },
  problems: LOGIN_PROBLEMS,
} as const satisfies Operation

export const endSession = {
  id: 'endSession',
  method: 'DELETE',
  url: '/session',
  summary: 'Log out: end the session, or revoke the token, that this request is made with',
  tag: 'login',
  answers: {
    204: { description: 'You are logged out', headers: { 'Set-Cookie': 'The cookie is forgotten.' } },
  },
} as const satisfies Operation
