import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyError, FastifyInstance } from 'fastify'
import { NotFound } from '../domain/errors.ts'
import { nameSchemas } from './name-schemas.ts'
import { sendProblem } from './problem.ts'
import { PAGE_HEADERS } from './security.ts'
import { SESSION_COOKIE } from './session.ts'

/** Collects the routes that are added from now on; {@link describeRoutes} then gives the document. */
export async function collectOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'clusters',
        version,
        description:
          'Self-service compute: ask for a cluster of equal workers, look it up, and let it go. Errors are RFC 9457 problems; each `type` is a page that says how to mend it. Every path also works with a slash at its end.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'clusters', description: 'Create, list, look up and delete clusters' },
        { name: 'login', description: 'From a user name and password to a token' },
        { name: 'tokens', description: 'Named tokens for scripts' },
        { name: 'usage', description: 'What clusters took, and what of it they used' },
        { name: 'users', description: 'Yourself' },
        { name: 'administration', description: 'What administrators see of others, and do to them' },
        { name: 'server', description: 'Operations and documentation' },
      ],
      security: [{ token: [] }, { bearer: [] }, { authentication: [] }, { session: [] }],
      components: {
        securitySchemes: {
          token: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description: '`Token <token>`',
          },
          bearer: { type: 'http', scheme: 'bearer' },
          authentication: {
            type: 'apiKey',
            in: 'header',
            name: 'Authentication',
            description: '`Token <token>`, the form that was asked for first',
          },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: SESSION_COOKIE,
            description:
              'From `POST /session`, for pages. Whatever changes something then needs the header `X-CSRF-Token` with the value of the cookie `csrftoken`.',
          },
        },
      },
    },
  })
}

/** The OpenAPI document of all routes. */
export function describeRoutes(app: FastifyInstance) {
  return nameSchemas(app.swagger())
}

// The hash is that of the one style that Swagger UI writes into the page; a new version may need another.
const DOCUMENTATION_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const CONDITIONS = ['range', 'if-range', 'if-match', 'if-unmodified-since']

/** The page `/docs`, with all it needs; its own policy lets nothing else in. */
export async function addDocumentation(app: FastifyInstance): Promise<void> {
  await app.register(async scope => {
    scope.addHook('onRoute', route => {
      route.config = { ...route.config, open: true }
    })
    scope.addHook('onRequest', (request, reply, done) => {
      reply.headers(PAGE_HEADERS)
      // A part of a file, or a file under a condition: nobody needs that of a page's few files.
      for (const name of CONDITIONS) Reflect.deleteProperty(request.raw.headers, name)
      done()
    })
    scope.setErrorHandler((error: FastifyError, request, reply) => {
      // The path cannot be one of a file: outside of the folder, with a NUL, or too long.
      const isPath = (error.statusCode ?? 500) < 500
      return sendProblem(isPath ? new NotFound('There is nothing at this address.') : error, request, reply)
    })
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCUMENTATION_POLICY,
      uiConfig: { deepLinking: false, persistAuthorization: false },
    })
  })
}

interface DocumentedOperation {
  readonly operationId?: string
  readonly security?: readonly unknown[]
  readonly 'x-administrators'?: boolean
}

/** One line for each operation, so that a change of the API is a difference of lines. */
export function listOperations(document: { paths?: object }): string {
  const lines = Object.entries(document.paths ?? {}).flatMap(([path, methods]: [string, object]) =>
    Object.entries(methods).map(([method, operation]: [string, DocumentedOperation]) => {
      const access = accessOf(operation)
      return `${method.toUpperCase().padEnd(6)} ${path.padEnd(24)} ${(operation.operationId ?? '').padEnd(15)} ${access}`
    }),
  )
  return `${lines.toSorted().join('\n')}\n`
}

function accessOf(operation: DocumentedOperation): 'open' | 'token' | 'administrator' {
  if (operation['x-administrators'] === true) return 'administrator'
  return operation.security?.length === 0 ? 'open' : 'token'
}
