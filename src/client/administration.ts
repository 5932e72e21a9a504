import type { components } from './schema.ts'
import type { Result } from './result.ts'
import type { Transport } from './transport.ts'

type Schemas = components['schemas']
export type AdministeredUser = Schemas['AdministeredUser']
export type AdministeredCluster = Schemas['AdministeredCluster']
export type EngineHealth = Schemas['EngineHealth']
export type AllUsage = Schemas['AllUsage']
export type Act = Schemas['Act']
export type Quota = AdministeredUser['quota']

/** What administrators see of others, and do to them. Anybody else gets a 403. */
export class Administration {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  listUsers(query: { limit?: number; cursor?: string } = {}): Promise<Result<AdministeredUser[]>> {
    return this.#transport.settle(this.#transport.api.GET('/admin/users', { params: { query } }))
  }

  /** `null`: what the server allows everybody. */
  setQuota(id: number, quota: Quota | null): Promise<Result<AdministeredUser>> {
    const params = { path: { id } }
    return this.#transport.settle(this.#transport.api.PATCH('/admin/users/{id}', { params, body: { quota } }))
  }

  disableUser(id: number): Promise<Result<AdministeredUser>> {
    return this.#transport.settle(
      this.#transport.api.POST('/admin/users/{id}/disable', { params: { path: { id } } }),
    )
  }

  enableUser(id: number): Promise<Result<AdministeredUser>> {
    return this.#transport.settle(
      this.#transport.api.POST('/admin/users/{id}/enable', { params: { path: { id } } }),
    )
  }

  listClusters(query: { limit?: number; cursor?: string } = {}): Promise<Result<AdministeredCluster[]>> {
    return this.#transport.settle(this.#transport.api.GET('/admin/clusters', { params: { query } }))
  }

  stopCluster(id: number): Promise<Result<unknown>> {
    return this.#transport.settle(
      this.#transport.api.POST('/admin/clusters/{id}/stop', { params: { path: { id } } }),
    )
  }

  getEngine(): Promise<Result<EngineHealth>> {
    return this.#transport.settle(this.#transport.api.GET('/admin/engine'))
  }

  getUsage(month?: string): Promise<Result<AllUsage>> {
    const query = month === undefined ? {} : { month }
    return this.#transport.settle(this.#transport.api.GET('/admin/usage', { params: { query } }))
  }

  listActs(query: { limit?: number; cursor?: string } = {}): Promise<Result<Act[]>> {
    return this.#transport.settle(this.#transport.api.GET('/admin/audit', { params: { query } }))
  }
}
