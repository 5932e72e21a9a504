import type { FastifyInstance } from 'fastify'
import { NotFound } from '../../domain/errors.ts'
import type { Metrics } from '../../lib/metrics.ts'
import { describeRoutes } from '../openapi.ts'
import { addOperation } from '../operation.ts'
import { isProblemName } from '../problems.ts'
import { renderProblemPage } from '../problem-page.ts'
import { PAGE_HEADERS } from '../security.ts'
import { getHealth, getMetrics, getOpenApi, getProblemPage, getReadiness } from '../schemas/server.ts'

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** Operations and documentation. `checkReady` rejects with `Unavailable` when the database does not answer. */
export function addServerRoutes(
  app: FastifyInstance,
  { checkReady }: { checkReady: () => Promise<void> },
): void {
  addOperation(app, getHealth, () => Promise.resolve({ status: 'ok' }))

  addOperation(app, getReadiness, async () => {
    await checkReady()
    return { status: 'ok' }
  })

  // Made at the first question: it takes longer than the rest of a start.
  let document: string | undefined
  addOperation(app, getOpenApi, ({ reply }) => {
    document ??= JSON.stringify(describeRoutes(app))
    return Promise.resolve(reply.header('content-type', 'application/json; charset=utf-8').send(document))
  })

  addOperation(app, getProblemPage, ({ request, reply }) => {
    const { name } = request.params as { name: string }
    if (!isProblemName(name)) throw new NotFound('There is no such kind of problem.')
    reply.headers({
      ...PAGE_HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': PAGE_POLICY,
    })
    return Promise.resolve(reply.send(renderProblemPage(name)))
  })
}

/** Not open, unlike the others: it tells what the server is used for. */
export function addMetricsRoute(app: FastifyInstance, metrics: Metrics): void {
  addOperation(app, getMetrics, async ({ reply }) =>
    reply.header('content-type', metrics.contentType).send(await metrics.render()),
  )
}
