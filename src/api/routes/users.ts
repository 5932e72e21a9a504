import type { FastifyInstance } from 'fastify'
import type { Quota } from '../../domain/quota.ts'
import type { Users } from '../../service/users.ts'
import { addOperation, identityOf } from '../operation.ts'
import { getMe } from '../schemas/user.ts'

export function addUserRoutes(app: FastifyInstance, { users, quota }: { users: Users; quota: Quota }): void {
  addOperation(app, getMe, async ({ request }) => {
    const {
      id,
      username,
      isAdministrator,
      used,
      quota: own,
    } = await users.getWithUse(identityOf(request).user)
    return { id, username, is_administrator: isAdministrator, quota: own ?? quota, used }
  })
}
