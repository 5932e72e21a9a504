import { createLog } from '../lib/log.ts'
import { Metrics } from '../lib/metrics.ts'
import { systemClock } from '../lib/clock.ts'
import { createApp, type AppOptions } from './app.ts'
import { describeRoutes, listOperations } from './openapi.ts'
import { renderProblemList } from './problem-page.ts'

/** The API in words, without a server behind it: what is generated from the code and committed. */
export async function describeApi(): Promise<{ openApi: string; operations: string; problems: string }> {
  const app = await createApp({
    services: new Proxy({}, { get: () => undefined }) as AppOptions['services'],
    quota: { clusters: null, cpus: null, memory_gib: null },
    clock: systemClock,
    log: createLog('silent'),
    metrics: new Metrics(),
    checkReady: () => Promise.resolve(),
    allowedHosts: [],
    trustProxy: [],
    tls: undefined,
  })
  await app.ready()
  const document = describeRoutes(app)
  await app.close()
  return {
    openApi: `${JSON.stringify(document, null, 2)}\n`,
    operations: listOperations(document),
    problems: renderProblemList(),
  }
}
