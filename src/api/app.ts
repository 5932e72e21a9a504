import { maxHeaderSize } from 'node:http'
import type { ServerOptions } from 'node:https'
import Fastify, { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { InvalidRequest } from '../domain/errors.ts'
import { MAX_BODY_BYTES } from '../domain/limits.ts'
import type { Quota } from '../domain/quota.ts'
import { MINUTE_MS, SECOND_MS, type Clock } from '../lib/clock.ts'
import { randomText } from '../lib/id.ts'
import type { Log } from '../lib/log.ts'
import type { Metrics } from '../lib/metrics.ts'
import { version } from '../lib/version.ts'
import type { Administration } from '../service/administration.ts'
import type { Clusters } from '../service/clusters.ts'
import type { EngineHealth } from '../service/engine-health.ts'
import type { Events } from '../service/events.ts'
import type { Lifecycle } from '../service/lifecycle.ts'
import type { Login } from '../service/login.ts'
import type { ClusterCredentials } from '../service/credentials.ts'
import type { Logs } from '../service/logs.ts'
import type { Offer } from '../service/offer.ts'
import type { TokenWatch } from '../service/token-watch.ts'
import type { Tokens } from '../service/tokens.ts'
import type { Usage } from '../service/usage.ts'
import type { Users } from '../service/users.ts'
import type { Waiting } from '../service/waiting.ts'
import type { Workers } from '../service/workers.ts'
import { authenticate } from './authenticate.ts'
import { acceptJson } from './body.ts'
import { addDashboard } from './dashboard.ts'
import { createClientErrorHandler } from './client-error.ts'
import { AllowedMethods } from './methods.ts'
import { LongAnswers } from './long-answers.ts'
import { logRequests } from './request-log.ts'
import { createResponseClass } from './response.ts'
import { addDocumentation, collectOpenApi } from './openapi.ts'
import { identityOf } from './operation.ts'
import { HttpProblem, sendProblem } from './problem.ts'
import { PROBLEMS } from './problems.ts'
import { addAdministrationRoutes } from './routes/administration.ts'
import { addClusterRoutes } from './routes/clusters.ts'
import { addRuntimeRoutes } from './routes/runtimes.ts'
import { addEventRoutes } from './routes/events.ts'
import { addMetricsRoute, addServerRoutes } from './routes/server.ts'
import { addLoginRoutes, addLogoutRoutes } from './routes/login.ts'
import { addTokenRoutes } from './routes/tokens.ts'
import { addUsageRoutes } from './routes/usage.ts'
import { addUserRoutes } from './routes/users.ts'
import { addWorkerRoutes } from './routes/workers.ts'
import { createHostCheck, HSTS_HEADER } from './security.ts'

export interface AppOptions {
  readonly services: {
    readonly administration: Administration
    readonly clusters: Clusters
    readonly events: Events
    readonly health: EngineHealth
    readonly lifecycle: Lifecycle
    readonly offer: Offer
    readonly tokens: Tokens
    readonly tokenWatch: TokenWatch
    readonly login: Login
    readonly logs: Logs
    readonly credentials: ClusterCredentials
    readonly usage: Usage
    readonly users: Users
    readonly waiting: Waiting
    readonly workers: Workers
  }
  readonly quota: Quota
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Rejects with `Unavailable` when the database does not answer. */
  readonly checkReady: () => Promise<void>
  readonly allowedHosts: readonly string[]
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  readonly trustProxy: readonly string[]
  /** PEM texts; absent: plain HTTP. */
  readonly tls: ServerOptions | undefined
}

/** Slow uploads end here. */
const REQUEST_TIMEOUT_MS = MINUTE_MS
/** How often Node looks for them. */
const TIMEOUT_CHECK_MS = 5 * SECOND_MS

/** HTTP in, HTTP out. The app does not listen yet. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { services, quota, clock, log, metrics, checkReady } = options
  const app = createServer(options)
  const methods = new AllowedMethods(app)
  // HTTP lets us ignore an expectation we do not know; Node would refuse it with an empty answer.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))

  app.decorateRequest('identity', undefined)
  // `parse` validates, with every faulty field at once.
  app.setValidatorCompiler(() => () => true)
  // Answers are small or JSON already; a serializer for each of their schemas is a quarter of a start.
  app.setSerializerCompiler(() => data => JSON.stringify(data))
  app.setErrorHandler(sendProblem)
  acceptJson(app)
  if (log.isLevelEnabled('info')) logRequests(app, log)
  guard(app, options, methods)

  await collectOpenApi(app, version)
  await app.register(async scope => {
    addServerRoutes(scope, { checkReady })
    await addDocumentation(scope)
    await scope.register(addDashboard)
    await scope.register((inner, _options, done) => {
      addLoginRoutes(inner, services)
      done()
    })
  })
  const answers = new LongAnswers(app, services)
  metrics.watchOpenStreams(() => answers.count)
  await app.register(async scope => {
    demandToken(scope, services.tokens)
    addClusterRoutes(scope, services, answers)
    addEventRoutes(scope, services, answers)
    addWorkerRoutes(scope, services, answers)
    addRuntimeRoutes(scope, services)
    addLogoutRoutes(scope, services)
    addTokenRoutes(scope, { ...services, clock })
    addUsageRoutes(scope, services)
    addUserRoutes(scope, { ...services, quota })
    addMetricsRoute(scope, metrics)
    await scope.register((inner, _options, done) => {
      demandAdministrator(inner)
      addAdministrationRoutes(inner, { ...services, quota })
      done()
    })
  })
  return app
}

function createServer({ log, metrics, tls, trustProxy }: AppOptions): FastifyInstance {
  const requestIds = countRequestIds()
  // Fastify's types differ by protocol; nothing below does.
  // Without a Host the request is refused as every other, and not by Node with an empty answer.
  const http = {
    ServerResponse: createResponseClass(metrics),
    requireHostHeader: false,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  }
  const protocol = tls === undefined ? { http } : { https: { ...http, ...tls } }
  return Fastify({
    ...protocol,
    // Fastify's own words on requests and on listening would stand beside ours.
    loggerInstance: log.child({}, { level: log.isLevelEnabled('warn') ? 'warn' : log.level }),
    logController: new LogController({ disableRequestLogging: true }),
    // A logger of its own for each request is work that nothing here uses.
    childLoggerFactory: logger => logger,
    genReqId: requestIds,
    requestIdHeader: false,
    trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A request that is under way when the server stops is still answered.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    // As long as the headers may be: a long id is one that does not exist.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: maxHeaderSize },
    rewriteUrl: request => toRoutableUrl(request.url ?? '/'),
    clientErrorHandler: createClientErrorHandler(log),
  }) as unknown as FastifyInstance
}

/** Unique over restarts; counting is cheaper than a random id for each request. */
function countRequestIds(): () => string {
  const start = randomText(6)
  let count = 0
  return () => {
    count += 1
    return `${start}-${count}`
  }
}

/**
 * The path alone, in a form that the router reads: Fastify answers one that cannot be decoded before any hook,
 * and takes the absolute form, which proxies may send, for a path.
 */
function toRoutableUrl(url: string): string {
  if (url.startsWith('/') && !url.includes('%')) return url
  const [path = '', ...query] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?')
  const segments = path.split('/').map(segment => (isDecodable(segment) ? segment : UNDECODABLE))
  return [segments.join('/') || '/', ...query].join('?')
}

/** No id and no name of anything. */
const UNDECODABLE = '-'

function isDecodable(segment: string): boolean {
  try {
    decodeURIComponent(segment)
    return true
  } catch {
    return false
  }
}

/** What happens before any route. */
function guard(app: FastifyInstance, options: AppOptions, methods: AllowedMethods): void {
  const { allowedHosts, tls, trustProxy, services } = options
  const isAllowedHost = createHostCheck(allowedHosts)
  const mayBeTls = tls !== undefined || trustProxy.length > 0

  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.requestId = request.id
    if (mayBeTls && request.protocol === 'https') reply.header('strict-transport-security', HSTS_HEADER)
    const { host } = request.headers
    if (host === undefined) done(new InvalidRequest({ Host: ['is required'] }))
    else if (hasTwoHosts(request.raw.rawHeaders))
      done(new InvalidRequest({ Host: ['is there more than once'] }))
    else if (!isAllowedHost(host)) {
      done(new HttpProblem('unknown-host', PROBLEMS['unknown-host'].exampleDetail))
    } else if (request.is404) {
      // Here and not in the handler: that would first read and judge the body.
      answerUnknown(request, reply, services.tokens, methods).catch(done)
    } else done()
  })
  // A file of the documentation that is not there.
  app.setNotFoundHandler(() => {
    throw new HttpProblem('not-found', NOTHING_HERE)
  })
}

/** Node keeps the first of them, a proxy on the way may have looked at the other. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  return count > 1
}

const NOTHING_HERE = 'There is nothing at this address.'

/** Addresses and methods without a route. Even that there is none is told only to who may ask. */
async function answerUnknown(
  request: FastifyRequest,
  reply: FastifyReply,
  tokens: Tokens,
  methods: AllowedMethods,
): Promise<void> {
  const known = methods.find(request.url)
  if (known?.open !== true) request.identity = await authenticate(request, tokens)
  if (known === undefined) throw new HttpProblem('not-found', NOTHING_HERE)
  if (request.method === 'OPTIONS') {
    await reply.code(204).header('allow', known.allow).send()
    return
  }
  // What takes the method and is unknown all the same is a folder of files.
  if (known.allow.split(', ').includes(request.method)) throw new HttpProblem('not-found', NOTHING_HERE)
  const detail = `${request.method} is not allowed here; allowed are ${known.allow}.`
  throw new HttpProblem('method-not-allowed', detail, { allow: known.allow })
}

/** A token is looked at again when the body took longer than this: it may have been revoked meanwhile. */
const FRESH_MS = SECOND_MS

/** Every route of the scope is answered with a token alone, and knows who sent it. */
function demandToken(scope: FastifyInstance, tokens: Tokens): void {
  scope.addHook('onRoute', route => {
    if (route.config?.takesBody !== true) return
    route.preHandler = (request, reply, done) => {
      if (reply.elapsedTime < FRESH_MS) done()
      else {
        authenticate(request, tokens).then(() => {
          done()
        }, done)
      }
    }
  })
  scope.addHook('onRequest', (request, _reply, done) => {
    authenticate(request, tokens).then(identity => {
      request.identity = identity
      done()
    }, done)
  })
}

/** Every route of the scope is for administrators; whoever else asks learns that, and nothing more. */
function demandAdministrator(scope: FastifyInstance): void {
  scope.addHook('onRequest', (request, _reply, done) => {
    if (identityOf(request).user.isAdministrator) done()
    else done(new HttpProblem('not-an-administrator', PROBLEMS['not-an-administrator'].exampleDetail))
  })
}
