import { sql, type RawBuilder } from 'kysely'

export type Dialect = 'sqlite' | 'postgres'

/** Column types that are spelled differently on the two databases. */
export const COLUMN_TYPES = {
  sqlite: {
    // Just this word makes it the key of the row itself, and not of an index beside it.
    id: sql`integer`,
    timestamp: sql`text`,
    // NUMERIC keeps 10 as an integer and 0.5 as a double, so that JSON made in SQL says 10 and not 10.0.
    amount: sql`numeric`,
    bytes: sql`blob`,
  },
  postgres: {
    id: sql`bigint`,
    timestamp: sql`timestamptz`,
    amount: sql`double precision`,
    bytes: sql`bytea`,
  },
} as const satisfies Record<Dialect, unknown>

/** How a value of the row becomes a value of JSON. */
export type Field = (dialect: Dialect) => RawBuilder<unknown>

export const plain =
  (column: string): Field =>
  () =>
    sql.ref(column)

/** A number that may have a fraction, with every digit that tells it from its neighbours. */
export const number =
  (column: string): Field =>
  dialect => {
    const ref = sql.ref(column)
    if (dialect === 'postgres') return ref
    // SQLite's JSON writes 15 digits, which is another number for about half of all doubles.
    return sql`case when typeof(${ref}) = 'integer' or cast(printf('%!.15g', ${ref}) as real) = ${ref}
      then ${ref} else json(printf('%!.17g', ${ref})) end`
  }

/** A column that holds JSON text. */
export const json =
  (column: string): Field =>
  dialect =>
    dialect === 'sqlite' ? sql`json(${sql.ref(column)})` : sql`${sql.ref(column)}::json`

/** RFC 3339 UTC with milliseconds. SQLite stores just that text. */
export const timestamp =
  (column: string): Field =>
  dialect =>
    dialect === 'sqlite'
      ? sql.ref(column)
      : sql`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** The row as JSON text, made by the database: creating row objects costs more than all the rest of a page. */
export function jsonObject(fields: Readonly<Record<string, Field>>, dialect: Dialect): RawBuilder<string> {
  const entries = Object.entries(fields).map(([name, field]) => [name, field(dialect)] as const)
  if (dialect === 'sqlite') {
    return sql<string>`json_object(${sql.join(entries.map(([name, value]) => sql`${sql.lit(name)}, ${value}`))})`
  }
  const columns = sql.join(entries.map(([name, value]) => sql`${value} as ${sql.id(name)}`))
  return sql<string>`(select row_to_json(body)::text from (select ${columns}) as body)`
}

/** The texts of all rows as one, `null` without any. The rows must come from a query in the same order. */
export function joinTexts(
  by: { column: string; separator: string; orderBy: string; order: 'asc' | 'desc' },
  dialect: Dialect,
): RawBuilder<string | null> {
  const [column, separator] = [sql.ref(by.column), sql.lit(by.separator)]
  // SQLite takes the rows as they come, and would sort them once more: a third of the time of a page.
  if (dialect === 'sqlite') return sql`string_agg(${column}, ${separator})`
  return sql`string_agg(${column}, ${separator} order by ${sql.ref(by.orderBy)} ${sql.raw(by.order)})`
}

/**
 * Rows of parameters as a table with the columns `column1`, `column2` and so on. PostgreSQL takes an untyped
 * parameter in VALUES for text, so there the first row says the types.
 */
export function valuesTable(
  rows: readonly (readonly unknown[])[],
  types: readonly string[],
  dialect: Dialect,
): RawBuilder<unknown> {
  const typed = (value: unknown, column: number) => sql`cast(${value} as ${sql.raw(types[column] ?? 'text')})`
  const lines = rows.map((row, index) => {
    const saysTypes = dialect === 'postgres' && index === 0
    return sql`(${sql.join(saysTypes ? row.map(typed) : row)})`
  })
  return sql`(values ${sql.join(lines)})`
}
