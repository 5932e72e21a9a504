import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely'
import { Unavailable } from '../domain/errors.ts'
import { Changes } from './changes.ts'
import type { OpenedDatabase } from './database.ts'
import type { Tables } from './tables.ts'
import { ReadTurn } from './turn.ts'
import { WriteQueue } from './group.ts'

type SqliteModule = typeof import('@photostructure/sqlite')
type DatabaseSync = InstanceType<SqliteModule['DatabaseSync']>
type StatementSync = ReturnType<DatabaseSync['prepare']>
type SqlValue = null | number | bigint | string | Uint8Array

/** Node's own module where it is stable enough (22.13), else its twin from npm. */
export function loadSqlite(): SqliteModule {
  const require = createRequire(import.meta.url)
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 13)) {
    // Node warns on stderr that the module is experimental; the operator can do nothing about it.
    const emitWarning = process.emitWarning.bind(process)
    process.emitWarning = () => undefined
    try {
      return require('node:sqlite') as SqliteModule
    } finally {
      process.emitWarning = emitWarning
    }
  }
  return require('@photostructure/sqlite') as SqliteModule
}

/**
 * How long SQLite itself waits, and the whole process with it, for another process (an operator's command, a
 * backup) to let go of the file: at the start, when several may want to make it, and afterwards.
 */
const BUSY_TIMEOUT_MS = { opening: 5000, settled: 20 } as const
/** A write transaction asks again for so long, while the process goes on. */
const BEGIN_TIMEOUT_MS = 5000
const BEGIN_INTERVAL_MS = 25
const FORGET_BUSY_MS = 1000

/**
 * Pages in the WAL before it is copied into the database: 16 MiB. With SQLite's own 1000 a stream of creates
 * spends half of its commits' time on copying the same last pages again and again.
 */
const CHECKPOINT_PAGES = 4000

/** More distinct statements than this code has; a bound, should one ever be made from user input. */
const MAX_STATEMENTS = 2000

interface Prepared {
  readonly statement: StatementSync
  readonly returnsRows: boolean
}

/** One connection. Statements stay prepared by their text. */
export class SqliteConnection {
  readonly #handle: DatabaseSync
  readonly #prepared = new Map<string, Prepared>()

  constructor(path: string) {
    const { DatabaseSync } = loadSqlite()
    this.#handle = new DatabaseSync(path)
    this.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS.opening}`)
    this.exec('pragma journal_mode = wal')
    // FULL: a commit returns when the WAL is on disk. NORMAL would lose the last commits with the power.
    this.exec('pragma synchronous = full')
    this.exec('pragma foreign_keys = on')
    this.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  }

  exec(sql: string): void {
    try {
      this.#handle.exec(sql)
    } catch (error) {
      throw toDatabaseError(error)
    }
  }

  execute(sql: string, parameters: readonly unknown[]): Executed {
    try {
      const { statement, returnsRows } = this.#prepare(sql)
      const values = parameters.map(toSqlValue)
      if (returnsRows) return { rows: statement.all(...values), changes: 0n }
      return { rows: [], changes: BigInt(statement.run(...values).changes) }
    } catch (error) {
      throw toDatabaseError(error)
    }
  }

  /** Ends a transaction that only read. */
  endRead(): void {
    try {
      this.exec('commit')
    } catch (error) {
      // After some errors (of the disk, of memory) SQLite has ended it by itself.
      if (!isOutsideTransaction(error)) throw error
    }
  }

  close(): void {
    this.#prepared.clear()
    this.#handle.close()
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (prepared === undefined) {
      if (this.#prepared.size >= MAX_STATEMENTS) this.#prepared.clear()
      const statement = this.#handle.prepare(sql)
      prepared = { statement, returnsRows: statement.columns().length > 0 }
      this.#prepared.set(sql, prepared)
    }
    return prepared
  }
}

/** The twin from npm binds a double this close to 0 as the integer 0; as text the column makes it the same double. */
const TINY = 1e-15

function toSqlValue(value: unknown): SqlValue {
  const isTiny = typeof value === 'number' && value !== 0 && Math.abs(value) < TINY
  return isTiny ? String(value) : (value as SqlValue)
}

/** SQLite's primary result codes that the operator can mend, in words. */
const UNAVAILABLE: Readonly<Record<number, string>> = {
  5: 'The database is busy with another process.',
  8: 'The database cannot be written: it is read-only.',
  10: 'The database cannot be read or written: the disk reports an error.',
  13: 'The database cannot be written: the disk is full.',
  14: 'The database file cannot be opened.',
  15: 'The database is busy with another process.',
}

const BUSY = 5

function isBusy(error: unknown): boolean {
  return error instanceof Unavailable && resultCodeOf(error.cause) === BUSY
}

/** SQLite's primary result code; both modules put the whole one into `errcode`. */
function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  return error.errcode & 0xff
}

function toDatabaseError(error: unknown): unknown {
  const words = UNAVAILABLE[resultCodeOf(error) ?? 0]
  return words === undefined ? error : new Unavailable(words, { cause: error })
}

/**
 * Opens the file for this process, on one connection: a second one would read every page again that the first
 * has written. A write transaction waits for nothing but SQLite, so it does not keep the reads long.
 */
export function openSqlite(path: string): OpenedDatabase {
  const connection = new SqliteConnection(path)
  const turn = new ReadTurn(connection)

  const reads = createKysely(async (sql, parameters) => ({
    rows: await turn.rows(sql, parameters),
    changes: 0n,
  }))
  const writes = createKysely((sql, parameters) => Promise.resolve(connection.execute(sql, parameters)), turn)
  const queue = new WriteQueue(writes)
  const changes = new Changes()

  return {
    dialect: 'sqlite',
    reads,
    writes,
    read: <Row>(sql: string, parameters: readonly unknown[]) =>
      turn.rows(sql, parameters) as Promise<readonly Row[]>,
    version: () => turn.version(),
    transaction: work => queue.transaction(work),
    announceChange: () => {
      changes.announce()
    },
    onChange: listener => changes.subscribe(listener),
    settle: () => {
      connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS.settled}`)
    },
    close: async () => {
      await queue.idle()
      await turn.idle()
      connection.close()
    },
  }
}

interface Executed {
  readonly rows: readonly unknown[]
  readonly changes: bigint
}

type Execute = (sql: string, parameters: readonly unknown[]) => Promise<Executed>

/** `turn` hears of the write transactions; without it there are none. */
function createKysely(execute: Execute, turn?: ReadTurn): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new TransactionalSqliteAdapter(),
      createDriver: () => new SqliteDriver(execute, turn),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}

/** Kysely's adapter says that SQLite cannot roll back a schema change; it can, and a migration relies on it. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

function isOutsideTransaction(error: unknown): boolean {
  return error instanceof Error && error.message.includes('no transaction is active')
}

class SqliteDriver implements Driver {
  readonly #connection: DatabaseConnection
  readonly #turn: ReadTurn | undefined
  /** Between when and when another process was seen to write, in milliseconds of `performance.now()`. */
  #busy: { readonly since: number; readonly until: number } | undefined

  constructor(execute: Execute, turn: ReadTurn | undefined) {
    this.#turn = turn
    this.#connection = {
      executeQuery: async <Row>(query: CompiledQuery): Promise<QueryResult<Row>> => {
        const { rows, changes } = await execute(query.sql, query.parameters)
        return { rows: rows as Row[], numAffectedRows: changes }
      },
      streamQuery: () => {
        throw new Error('queries on SQLite are not streamed')
      },
    }
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection)
  }

  /** Rejects with `Unavailable` when another process writes for too long; then at once, until it ends. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    for (;;) {
      try {
        // IMMEDIATE: taking the write lock later, after a read, fails at once when another process wrote between.
        await connection.executeQuery(CompiledQuery.raw('begin immediate'))
        this.#turn?.beginWrite()
        this.#busy = undefined
        return
      } catch (error) {
        if (!isBusy(error)) throw error
        const now = performance.now()
        // When nobody has asked for a while, it may well be another process by now.
        const isSame = this.#busy !== undefined && now - this.#busy.until < FORGET_BUSY_MS
        this.#busy = { since: isSame ? (this.#busy?.since ?? now) : now, until: now }
        if (now - this.#busy.since > BEGIN_TIMEOUT_MS) throw error
        await sleep(BEGIN_INTERVAL_MS)
      }
    }
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
    this.#turn?.endWrite()
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'))
    } catch (error) {
      // After some errors SQLite has rolled back by itself; the first error is the one to tell.
      if (!isOutsideTransaction(error)) throw error
    } finally {
      this.#turn?.endWrite()
    }
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}
