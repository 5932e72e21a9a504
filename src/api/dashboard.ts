import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { NotFound } from '../domain/errors.ts'
import { packageRoot } from '../lib/package-root.ts'
import { PAGE_HEADERS } from './security.ts'

const FOLDER = fileURLToPath(new URL('dist/dashboard/', packageRoot))
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
/** Their names change with what is in them. */
const FOR_EVER = 'public, max-age=31536000, immutable'

/**
 * The page below /dashboard/, and the way there. Its files are open: what they show comes from the API, which asks who
 * wants to know. An address below it that is no file is the page's own to read.
 */
export async function addDashboard(app: FastifyInstance): Promise<void> {
  app.addHook('onRoute', route => {
    route.config = { ...route.config, open: true }
    // It is no part of the API.
    route.schema = { hide: true }
  })
  app.get('/', (_request, reply) => reply.redirect('/dashboard/'))
  if (!existsSync(FOLDER)) {
    app.get('/dashboard/*', () => {
      throw new NotFound('The dashboard has not been built: run "npm run build".')
    })
    return
  }
  // Compressed when it was built.
  await app.register(fastifyStatic, {
    root: FOLDER,
    serve: false,
    preCompressed: true,
    cacheControl: false,
    index: false,
  })
  app.get('/dashboard/assets/:name', (request, reply) => {
    const { name } = request.params as { name: string }
    if (!/^[\w-]+(\.[\w-]+)+$/.test(name)) throw new NotFound('There is no such file.')
    return reply.headers(PAGE_HEADERS).header('cache-control', FOR_EVER).sendFile(`assets/${name}`)
  })
  app.get('/dashboard', (_request, reply) => sendPage(reply))
  app.get('/dashboard/*', (_request, reply) => sendPage(reply))
}

function sendPage(reply: FastifyReply): FastifyReply {
  return reply
    .headers({ ...PAGE_HEADERS, 'content-security-policy': POLICY, 'cache-control': 'no-cache' })
    .sendFile('index.html')
}
