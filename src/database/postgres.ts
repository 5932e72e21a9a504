import {
  CompiledQuery,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely'
import pg from 'pg'
import { ConnectionLost, Unavailable } from '../domain/errors.ts'
import { toTimestamp } from '../lib/clock.ts'
import { WriteQueue } from './group.ts'
import { PostgresChanges } from './postgres-changes.ts'
import type { OpenedDatabase } from './database.ts'
import type { Tables } from './tables.ts'

/** One for the writes, the others for reads off the hot paths (readiness, paging tokens, the sweep). */
const POOL_SIZE = 4
const CONNECT_TIMEOUT_MS = 5000
/** For an answer, should the network swallow it. Nothing here is slow but a migration of a large table. */
const QUERY_TIMEOUT_MS = 30_000
/** On another server's transaction; ours take milliseconds, so one that takes longer hangs. */
const LOCK_TIMEOUT_MS = 10_000
/** A server that is paused in a transaction must not hold the counters for ever. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

const { INT8, TIMESTAMPTZ } = pg.types.builtins

const types: pg.CustomTypesConfig = {
  getTypeParser(oid, format) {
    if (oid === INT8) return Number
    if (oid === TIMESTAMPTZ) return (text: string) => toTimestamp(new Date(text))
    return pg.types.getTypeParser(oid, format) as (text: string) => unknown
  },
}

/** A statement is named by its text, once, so that the server prepares it once on each connection. */
class StatementNames {
  readonly #names = new Map<string, string>()

  of(sql: string): string {
    let name = this.#names.get(sql)
    if (name === undefined) {
      name = `clusters_${this.#names.size}`
      this.#names.set(sql, name)
    }
    return name
  }
}

/**
 * One connection on which queries are sent without waiting for the answers before them: the reads of a turn
 * share a packet, which is most of what a small query costs. It connects again at the next query after a loss.
 */
class PipelinedReader {
  readonly #config: pg.ClientConfig
  readonly #names: StatementNames
  #client: Promise<pg.Client> | undefined

  constructor(config: pg.ClientConfig, names: StatementNames) {
    this.#config = config
    this.#names = names
  }

  async rows(sql: string, values: readonly unknown[]): Promise<unknown[]> {
    try {
      return await this.#ask(sql, values)
    } catch (error) {
      // A connection that was lost while nobody used it is found out by the first who does.
      if (error instanceof ConnectionLost) return await this.#ask(sql, values)
      throw error
    }
  }

  async #ask(sql: string, values: readonly unknown[]): Promise<unknown[]> {
    const connecting = (this.#client ??= this.#connect())
    try {
      const client = await connecting
      const result = await client.query<object>({ name: this.#names.of(sql), text: sql, values: [...values] })
      return result.rows
    } catch (error) {
      const mended = toDatabaseError(error)
      if (mended instanceof Unavailable) this.#drop(connecting)
      throw mended
    }
  }

  /** The next query connects anew. Others may have seen the loss before us, and have done so. */
  #drop(lost: Promise<pg.Client>): void {
    if (this.#client === lost) this.#client = undefined
    // Nobody waits: a network that swallows everything would swallow the farewell.
    lost.then(client => client.end()).catch(() => undefined)
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    await client?.end()
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#config)
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
}

/** A connection of the pool while it is ours. */
class PostgresConnection implements DatabaseConnection {
  readonly client: pg.PoolClient
  /** Not to be used again. */
  isLost = false
  readonly #names: StatementNames

  constructor(client: pg.PoolClient, names: StatementNames) {
    this.client = client
    this.#names = names
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      const { sql, parameters } = query
      // What is run without parameters (begin, commit, the schema) is not worth a name on the server.
      const named = parameters.length > 0 ? { name: this.#names.of(sql) } : {}
      const { rows, rowCount } = await this.client.query<object>({
        ...named,
        text: sql,
        values: [...parameters],
      })
      return { rows: rows as Row[], numAffectedRows: BigInt(rowCount ?? 0) }
    } catch (error) {
      const mended = toDatabaseError(error)
      this.isLost ||= mended instanceof Unavailable
      throw mended
    }
  }

  streamQuery(): never {
    throw new Error('queries are not streamed')
  }
}

/** Kysely's own driver does not prepare statements; this one does, by their text. */
class PostgresDriver implements Driver {
  readonly #pool: pg.Pool
  readonly #names: StatementNames

  constructor(pool: pg.Pool, names: StatementNames) {
    this.#pool = pool
    this.#names = names
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(await this.#pool.connect(), this.#names)
    } catch (error) {
      throw toDatabaseError(error)
    }
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.client.release(connection.isLost)
    return Promise.resolve()
  }

  async destroy(): Promise<void> {}
}

function openChanges(config: pg.ClientConfig, reader: PipelinedReader): PostgresChanges {
  // A listener waits for as long as there is nothing to hear.
  const { query_timeout: _, ...listening } = config
  return new PostgresChanges(listening, (channel, payload) =>
    reader.rows('select pg_notify($1, $2)', [channel, payload]),
  )
}

/** Connects at the first query. */
export function openPostgres(url: string): OpenedDatabase {
  // @types/pg does not know `pipeline` yet.
  const config: pg.PoolConfig & { pipeline: boolean } = {
    connectionString: url,
    types,
    pipeline: true,
    application_name: 'clusters',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    max: POOL_SIZE,
  }
  const pool = new pg.Pool(config)
  // A connection that the server closes. While it is in use its query rejects; the pool opens another when one
  // is needed.
  pool.on('error', () => undefined)
  pool.on('connect', client => client.on('error', () => undefined))
  const names = new StatementNames()
  const reader = new PipelinedReader(config, names)

  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PostgresDriver(pool, names),
      createIntrospector: kysely => new PostgresIntrospector(kysely),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  const queue = new WriteQueue(db)
  const changes = openChanges(config, reader)

  return {
    dialect: 'postgres',
    reads: db,
    writes: db,
    read: <Row>(sql: string, parameters: readonly unknown[]) =>
      reader.rows(sql, parameters) as Promise<readonly Row[]>,
    version: () => Promise.resolve(undefined),
    transaction: work => queue.transaction(work),
    announceChange: () => {
      changes.announce()
    },
    onChange: listener => changes.subscribe(listener),
    settle: () => undefined,
    close: async () => {
      await queue.idle()
      await changes.close()
      await reader.close()
      await pool.end()
    },
  }
}

/** What no query is guilty of, as SQLSTATE classes and the codes of the socket: try again. */
function toDatabaseError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const isLost =
    /^(08|57P|53|25P03)/.test(code) ||
    /^(ECONN|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN)/.test(code) ||
    /Connection terminated|not queryable/.test(error.message)
  if (isLost) return new ConnectionLost('The database cannot be reached now.', { cause: error })
  const isTooSlow =
    code === 'ETIMEDOUT' || /timeout exceeded when trying to connect|read timeout/.test(error.message)
  if (isTooSlow) return new Unavailable('The database does not answer now.', { cause: error })
  // A deadlock, or a lock that another server held for too long.
  return /^(40P01|55P03)$/.test(code)
    ? new Unavailable('The database is busy with another server.', { cause: error })
    : error
}
