import type { FastifyInstance } from 'fastify'
import type { Login } from '../../service/login.ts'
import type { Tokens } from '../../service/tokens.ts'
import { acceptForm } from '../body.ts'
import { checkCsrf, giveCsrfValue } from '../csrf.ts'
import { addOperation, identityOf } from '../operation.ts'
import { remoteAddressOf } from '../remote-address.ts'
import { endSession, login, logout, startLogin, startSession } from '../schemas/login.ts'
import { forgetSession, keepSession } from '../session.ts'

/** Apart from the others: only here a form is taken. */
export function addLoginRoutes(app: FastifyInstance, { login: logins }: { login: Login }): void {
  acceptForm(app)

  addOperation(app, startLogin, ({ request, reply }) =>
    Promise.resolve({ csrf_token: giveCsrfValue(request, reply) }),
  )

  // Before the body is read: who cannot show the value has no say in what we parse.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'POST') checkCsrf(request.headers)
    done()
  })
  addOperation(app, login, async ({ body, request }) => {
    const token = await logins.login(body, { remoteAddress: remoteAddressOf(request), purpose: 'token' })
    return { auth_token: token.value }
  })

  addOperation(app, startSession, async ({ body, request, reply }) => {
    const token = await logins.login(body, { remoteAddress: remoteAddressOf(request), purpose: 'session' })
    keepSession(request, reply, token.value)
    return reply.code(204).send()
  })
}

export function addLogoutRoutes(app: FastifyInstance, { tokens }: { tokens: Tokens }): void {
  addOperation(app, logout, async ({ request, reply }) => {
    const { user, tokenId } = identityOf(request)
    await tokens.revokeOwn(user, tokenId)
    return reply.code(204).send()
  })

  addOperation(app, endSession, async ({ request, reply }) => {
    const { user, tokenId } = identityOf(request)
    await tokens.revokeOwn(user, tokenId)
    forgetSession(request, reply)
    return reply.code(204).send()
  })
}
