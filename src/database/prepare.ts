import type { CompiledQuery, Kysely, Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import type { Tables } from './tables.ts'

/**
 * Queries that are compiled once. Kysely's compiling costs 20 to 30 µs a query, more than a lookup itself;
 * below it, both drivers keep a statement prepared for each text they have seen.
 */

interface Compilable<Row> {
  compile(): CompiledQuery<Row>
}

/** What a query is built from. */
export interface Building<Parameters> {
  readonly db: Kysely<Tables>
  readonly dialect: Dialect
  /** Stands for a value that is given at each run. */
  readonly param: <Name extends keyof Parameters>(name: Name) => Parameters[Name]
}

/** What a hot path needs of a database to run one. */
export interface PreparedReader {
  readonly dialect: Dialect
  readonly reads: Kysely<Tables>
  read<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]>
}

class Placeholder {
  readonly name: PropertyKey

  constructor(name: PropertyKey) {
    this.name = name
  }
}

export class PreparedQuery<Parameters extends object, Row> {
  readonly #compiled = new Map<Dialect, CompiledQuery<Row>>()
  readonly #build: (building: Building<Parameters>) => Compilable<Row>

  constructor(build: (building: Building<Parameters>) => Compilable<Row>) {
    this.#build = build
  }

  /** On the connections for reading. */
  read(database: PreparedReader, parameters: Parameters): Promise<readonly Row[]> {
    const compiled = this.#compile(database.reads, database.dialect)
    return database.read(compiled.sql, bind(compiled, parameters))
  }

  /** In a transaction. */
  async run(trx: Transaction<Tables>, dialect: Dialect, parameters: Parameters): Promise<readonly Row[]> {
    const compiled = this.#compile(trx, dialect)
    // An array has its values in the order of the placeholders already.
    const bound = Array.isArray(parameters) ? parameters : bind(compiled, parameters)
    const { rows } = await trx.executeQuery<Row>({ ...compiled, parameters: bound })
    return rows
  }

  #compile(db: Kysely<Tables>, dialect: Dialect): CompiledQuery<Row> {
    let compiled = this.#compiled.get(dialect)
    if (compiled === undefined) {
      // The cast is the trick of this file: a placeholder takes a value's place until the query is bound.
      const param = <Name extends keyof Parameters>(name: Name) =>
        new Placeholder(name) as unknown as Parameters[Name]
      compiled = this.#build({ db, dialect, param }).compile()
      this.#compiled.set(dialect, compiled)
    }
    return compiled
  }
}

function bind(compiled: CompiledQuery, values: object): unknown[] {
  return compiled.parameters.map(value =>
    value instanceof Placeholder ? (values as Record<PropertyKey, unknown>)[value.name] : value,
  )
}

/** The most rows one statement takes: it bounds how many statements are kept, one for each number of rows. */
const MAX_ROWS_PER_STATEMENT = 64

/**
 * A statement over several rows, prepared once for each number of rows up to {@link MAX_ROWS_PER_STATEMENT}.
 * It is built with placeholders: one object for each row, and one for what all rows share, which must stand
 * before the rows in the statement.
 */
export class PreparedRows<RowParameters extends object, Row, Shared extends object = object> {
  readonly #bySize = new Map<number, PreparedQuery<readonly unknown[], Row>>()
  readonly #columns: readonly (keyof RowParameters & string)[]
  readonly #build: (
    db: Kysely<Tables>,
    rows: RowParameters[],
    dialect: Dialect,
    shared: Shared,
  ) => Compilable<Row>
  readonly #sharedColumns: readonly (keyof Shared & string)[]

  constructor(
    columns: readonly (keyof RowParameters & string)[],
    build: (db: Kysely<Tables>, rows: RowParameters[], dialect: Dialect, shared: Shared) => Compilable<Row>,
    sharedColumns: readonly (keyof Shared & string)[] = [],
  ) {
    this.#columns = columns
    this.#build = build
    this.#sharedColumns = sharedColumns
  }

  /** In a transaction; more rows than one statement takes become several statements. */
  async run(
    trx: Transaction<Tables>,
    dialect: Dialect,
    rows: readonly RowParameters[],
    ...[shared]: object extends Shared ? [] : [Shared]
  ): Promise<readonly Row[]> {
    const results: Row[] = []
    for (let start = 0; start < rows.length; start += MAX_ROWS_PER_STATEMENT) {
      const some = rows.slice(start, start + MAX_ROWS_PER_STATEMENT)
      const values: unknown[] = []
      for (const column of this.#sharedColumns) values.push(shared?.[column])
      for (const row of some) for (const column of this.#columns) values.push(row[column])
      results.push(...(await this.#ofSize(some.length).run(trx, dialect, values)))
    }
    return results
  }

  /** Its parameters are what is shared, then the values of all rows, one after the other. */
  #ofSize(size: number): PreparedQuery<readonly unknown[], Row> {
    let query = this.#bySize.get(size)
    if (query === undefined) {
      query = new PreparedQuery<readonly unknown[], Row>(({ db, dialect, param }) => {
        let at = 0
        const place = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, param(at++)]))
        const shared = place(this.#sharedColumns)
        const rows = Array.from({ length: size }, () => place(this.#columns))
        const built = this.#build(db, rows as RowParameters[], dialect, shared as Shared)
        return { compile: () => demandOrder(built.compile()) }
      })
      this.#bySize.set(size, query)
    }
    return query
  }
}

/** Values are handed over in the order of the placeholders: another order, or a constant, would shift them all. */
function demandOrder<Row>(compiled: CompiledQuery<Row>): CompiledQuery<Row> {
  const isInOrder = compiled.parameters.every(
    (value, index) => value instanceof Placeholder && value.name === index,
  )
  if (!isInOrder) throw new Error(`the placeholders are not in the order of their columns: ${compiled.sql}`)
  return compiled
}
