import type { Database } from '../../src/database/database.ts'
import type { ClusterReason, ClusterRequest, ClusterStatus } from '../../src/domain/cluster.ts'
import type { Quota } from '../../src/domain/quota.ts'
import type { Runtime } from '../../src/domain/runtime.ts'
import type { User } from '../../src/domain/user.ts'
import type { WorkerEndReason, WorkerStatus } from '../../src/domain/worker.ts'
import type { EngineFacts } from '../../src/launchers/launcher.ts'
import { randomId } from '../../src/lib/id.ts'
import { Reconciler, type ReconcilerOptions } from '../../src/reconcile/loop.ts'
import { collectRuntimes, DEFAULT_PORT_RANGE } from '../../src/runtimes.ts'
import { Clusters } from '../../src/service/clusters.ts'
import { Lifecycle } from '../../src/service/lifecycle.ts'
import { Offer } from '../../src/service/offer.ts'
import { Users } from '../../src/service/users.ts'
import { TestClock } from './clock.ts'
import { FakeLauncher } from './fake-launcher.ts'

/** A scheduler and workers, ready as soon as they have started. */
export const CREW: Runtime = {
  ...{ name: 'crew', description: 'A scheduler and its workers.', command: ['row', '{address}'] },
  ...{
    scheduler: { command: ['steer'], cpus: 1, memory: 1 },
    environment: {},
    ports: ['port'],
    portRange: DEFAULT_PORT_RANGE,
  },
  ...{
    address: 'tcp://{scheduler_host}:{port}',
    credentials: undefined,
    readiness: undefined,
    idleness: undefined,
  },
  ...{ restart: 'always', startTimeoutSeconds: 60, check: undefined },
}

const RUNTIMES = new Map([
  ...collectRuntimes({ daskPython: 'python3', own: [], portRange: DEFAULT_PORT_RANGE, overNetwork: false }),
  [CREW.name, CREW] as const,
])

const FACTS: EngineFacts = {
  ...{
    largestWorker: { cpus: 16, memory: 128 },
    nodeSizes: [{ cpus: 16, memory: 128 }],
    capacity: undefined,
    missingPrograms: new Map(),
  },
  ...{ enforced: { cpus: true, memory: true }, summary: '' },
}

interface ClusterRow {
  readonly id: number
  readonly cpus: number
  readonly memory: number
  readonly workers: number
  readonly runtime: string
  readonly status: ClusterStatus
  readonly reason: ClusterReason
  readonly message: string | null
  readonly ready_workers: number
  readonly created_at: string
  readonly started_at: string | null
  readonly ready_at: string | null
  readonly ended_at: string | null
}

interface WorkerRow {
  readonly id: string
  readonly cluster_id: number
  readonly role: string
  readonly seat: number
  readonly status: WorkerStatus
  readonly is_latest: 0 | 1
  readonly attempt: number
  readonly reason: WorkerEndReason | null
}

interface EventRow {
  readonly cluster_id: number
  readonly status: ClusterStatus
  readonly reason: ClusterReason
}

/** All that is recorded of a user. */
export interface Recorded {
  readonly clusters: readonly ClusterRow[]
  readonly workers: readonly WorkerRow[]
  readonly events: readonly EventRow[]
  readonly used: { readonly clusters: number; readonly cpus: number; readonly memory_gib: number }
}

/** A user, an engine of their own and a server that may stop at any time, on a database with others of them. */
export class World {
  readonly database: Database
  readonly clock = new TestClock()
  readonly launcher: FakeLauncher
  readonly user: User
  readonly clusters: Clusters
  readonly lifecycle: Lifecycle
  readonly errors: unknown[] = []

  private constructor(database: Database, user: User, quota: Quota) {
    this.database = database
    this.user = user
    // Passes of others in the database leave it alone.
    this.launcher = new FakeLauncher({ home: `fake:${randomId()}`, clock: this.clock.now })
    const { home, engine } = this.launcher
    const offer = new Offer(engine, RUNTIMES)
    offer.update(FACTS)
    const placement = { engine, home, reason: 'launching', message: null } as const
    this.clusters = new Clusters(database, { clock: this.clock.now, quota, placement })
    this.lifecycle = new Lifecycle(database, { clock: this.clock.now, quota, offer })
  }

  static async open(
    database: Database,
    quota: Quota = { clusters: null, cpus: null, memory_gib: null },
  ): Promise<World> {
    const username = `user-${randomId()}`
    const users = new Users(database, () => new Date())
    await users.addWithHash({ username, isAdministrator: false, password: 'none' })
    const { id } = await users.getAccount(username)
    return new World(database, { id, username, isAdministrator: false }, quota)
  }

  /** A server on this database and this engine, or on what stands in for them. */
  startServer(
    through: Partial<Pick<ReconcilerOptions, 'database' | 'launcher' | 'facts' | 'runtimes'>> = {},
  ): Reconciler {
    return new Reconciler({
      ...{ database: this.database, launcher: this.launcher, facts: () => FACTS, runtimes: RUNTIMES },
      ...{ clock: this.clock.now, onPass: () => undefined, ...through },
      onError: (_, error) => {
        this.errors.push(error)
      },
    })
  }

  /** The time after which another server may take the place of one that stopped. */
  async passLease(): Promise<void> {
    await this.database.transaction(trx =>
      trx.deleteFrom('leases').where('home', '=', this.launcher.home).execute(),
    )
  }

  async create(fields: Partial<ClusterRequest> = {}): Promise<number> {
    const { id } = await this.clusters.create(
      this.user,
      {
        ...{ cpus: 1, memory: 1, name: undefined, workers: 1, runtime: 'idle', environment: {} },
        command: fields.runtime === 'command' ? ['work'] : null,
        ...{ idleTimeoutSeconds: null, lifetimeSeconds: null },
        ...fields,
      },
      undefined,
    )
    return id
  }

  async read(): Promise<Recorded> {
    const { reads } = this.database
    const { id } = this.user
    const [clusters, workers, events, user] = await Promise.all([
      reads.selectFrom('clusters').selectAll().where('creator_id', '=', id).orderBy('id').execute(),
      reads.selectFrom('workers').selectAll().where('creator_id', '=', id).orderBy('created_at').execute(),
      reads.selectFrom('events').selectAll().where('creator_id', '=', id).orderBy('id').execute(),
      reads
        .selectFrom('users')
        .select(['used_clusters as clusters', 'used_cpus as cpus', 'used_memory_gib as memory_gib'])
        .where('id', '=', id)
        .executeTakeFirstOrThrow(),
    ])
    return { clusters, workers, events, used: user }
  }
}
