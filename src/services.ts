import type { Database } from './database/database.ts'
import type { Price } from './domain/price.ts'
import type { Quota } from './domain/quota.ts'
import type { Launcher } from './launchers/launcher.ts'
import type { Clock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import type { PasswordHasher } from './lib/password.ts'
import { Clusters } from './service/clusters.ts'
import { Administration } from './service/administration.ts'
import type { EngineHealth } from './service/engine-health.ts'
import { ClusterCredentials } from './service/credentials.ts'
import { EventWatch } from './service/event-watch.ts'
import { Events } from './service/events.ts'
import { Login } from './service/login.ts'
import { Logs } from './service/logs.ts'
import { Lifecycle } from './service/lifecycle.ts'
import type { Offer } from './service/offer.ts'
import { TokenWatch } from './service/token-watch.ts'
import { Tokens } from './service/tokens.ts'
import { Usage } from './service/usage.ts'
import { Users } from './service/users.ts'
import { Waiting } from './service/waiting.ts'
import type { Placement } from './service/creations.ts'
import { Workers } from './service/workers.ts'

export interface ServicesOptions {
  readonly quota: Quota
  readonly price: Price | undefined
  readonly clock: Clock
  readonly log: Log
  readonly passwords: PasswordHasher
  readonly offer: Offer
  readonly health: EngineHealth
  /** Where new clusters run. */
  readonly placement: Placement
  /** Where output is read; `undefined` when there is no engine. */
  readonly launcher: Launcher | undefined
  readonly loginFailureDelayMs: number
}

/** What users can do on this server. */
export function createServices(database: Database, options: ServicesOptions) {
  const { quota, price, clock, log, passwords, offer, placement, loginFailureDelayMs } = options
  const tokens = new Tokens(database, {
    clock,
    onError: error => {
      log.warn({ err: error }, 'the last use of tokens was not written')
    },
  })
  const clusters = new Clusters(database, { clock, quota, placement })
  const watch = new EventWatch(database)
  return {
    tokens,
    tokenWatch: new TokenWatch(database),
    offer,
    health: options.health,
    administration: new Administration(database, clock),
    lifecycle: new Lifecycle(database, { clock, quota, offer }),
    clusters,
    waiting: new Waiting(database, { clusters, watch }),
    events: new Events(database, { watch }),
    login: new Login(database, { tokens, passwords, clock, failureDelayMs: loginFailureDelayMs }),
    usage: new Usage(database, { clock, price }),
    users: new Users(database, clock),
    workers: new Workers(database),
    credentials: new ClusterCredentials(database),
    logs: new Logs(database, { launcher: options.launcher, offer }),
  }
}
