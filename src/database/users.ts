import type { Kysely, Transaction } from 'kysely'
import { formatQuota, parseQuota, type Quota, type Use } from '../domain/quota.ts'
import type { User, UserWithUse } from '../domain/user.ts'
import type { Timestamp } from '../lib/clock.ts'
import { valuesTable, type Dialect } from './dialect.ts'
import { PreparedRows } from './prepare.ts'
import type { Tables } from './tables.ts'

/** A user with what only a login and an operator may see. */
export interface Account extends User {
  readonly password: string
  readonly disabledAt: Timestamp | null
  readonly createdAt: Timestamp
}

const ACCOUNT_COLUMNS = [
  'id',
  'username',
  'password',
  'is_administrator',
  'disabled_at',
  'created_at',
] as const

interface UserRow {
  id: number
  username: string
  is_administrator: number
}

interface UseRow {
  used_clusters: number
  used_cpus: number
  used_memory_gib: number
}

function toUser(row: UserRow): User {
  return { id: row.id, username: row.username, isAdministrator: row.is_administrator === 1 }
}

function toUse(row: UseRow): Use {
  return { clusters: row.used_clusters, cpus: row.used_cpus, memory_gib: row.used_memory_gib }
}

function toAccount(
  row: UserRow & { password: string; disabled_at: Timestamp | null; created_at: Timestamp },
): Account {
  return {
    ...toUser(row),
    password: row.password,
    disabledAt: row.disabled_at,
    createdAt: row.created_at,
  }
}

export async function findAccount(db: Kysely<Tables>, username: string): Promise<Account | undefined> {
  const row = await db
    .selectFrom('users')
    .select(ACCOUNT_COLUMNS)
    .where('username', '=', username)
    .executeTakeFirst()
  return row && toAccount(row)
}

export async function listAccounts(db: Kysely<Tables>): Promise<Account[]> {
  const rows = await db.selectFrom('users').select(ACCOUNT_COLUMNS).orderBy('id').execute()
  return rows.map(toAccount)
}

export async function findUserWithUse(
  db: Kysely<Tables>,
  id: number,
): Promise<(UserWithUse & { readonly quota: Quota | null }) | undefined> {
  const row = await db
    .selectFrom('users')
    .select(['id', 'username', 'is_administrator', 'used_clusters', 'used_cpus', 'used_memory_gib', 'quota'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { ...toUser(row), used: toUse(row), quota: parseQuota(row.quota) }
}

export async function hasUsers(db: Kysely<Tables>): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** False when the name or the id is taken already. */
export async function insertUser(
  trx: Transaction<Tables>,
  user: Pick<Account, 'id' | 'username' | 'password' | 'isAdministrator' | 'disabledAt' | 'createdAt'>,
): Promise<boolean> {
  const rows = await trx
    .insertInto('users')
    .values({
      id: user.id,
      username: user.username,
      password: user.password,
      is_administrator: user.isAdministrator ? 1 : 0,
      disabled_at: user.disabledAt,
      created_at: user.createdAt,
      used_clusters: 0,
      used_cpus: 0,
      used_memory_gib: 0,
      quota: null,
    })
    .onConflict(conflict => conflict.doNothing())
    .returning('id')
    .execute()
  return rows.length > 0
}

/** False when nothing was changed. */
export async function updatePassword(
  trx: Transaction<Tables>,
  id: number,
  password: string,
  /** When given: only where the password is still this one. */
  previous?: string,
): Promise<boolean> {
  const query = trx.updateTable('users').set({ password }).where('id', '=', id).returning('id')
  const rows = await (previous === undefined ? query : query.where('password', '=', previous)).execute()
  return rows.length > 0
}

export async function updateDisabledAt(
  trx: Transaction<Tables>,
  id: number,
  disabledAt: Timestamp | null,
): Promise<void> {
  await trx.updateTable('users').set({ disabled_at: disabledAt }).where('id', '=', id).execute()
}

/** `null`: what the server allows everybody. */
export async function updateQuota(trx: Transaction<Tables>, id: number, quota: Quota | null): Promise<void> {
  const text = quota === null ? null : formatQuota(quota)
  await trx.updateTable('users').set({ quota: text }).where('id', '=', id).execute()
}

/**
 * Whether the user is not disabled, and has just this password hash where one is given. Keeps both as they are
 * until the transaction ends.
 */
export async function lockAccount(
  trx: Transaction<Tables>,
  dialect: Dialect,
  id: number,
  password?: string,
): Promise<boolean> {
  const enabled = trx.selectFrom('users').select('id').where('id', '=', id).where('disabled_at', 'is', null)
  const query = password === undefined ? enabled : enabled.where('password', '=', password)
  const row = await (dialect === 'postgres' ? query.forNoKeyUpdate() : query).executeTakeFirst()
  return row !== undefined
}

const selectUseQuery = new PreparedRows<
  { id: number },
  UseRow & { id: number; disabled_at: Timestamp | null; quota: string | null }
>(['id'], (db, rows, dialect) => {
  const query = db
    .selectFrom('users')
    .select(['id', 'used_clusters', 'used_cpus', 'used_memory_gib', 'disabled_at', 'quota'])
    .where(
      'id',
      'in',
      rows.map(row => row.id),
    )
    .orderBy('id')
  // SQLite locks the whole file when the transaction begins. NO KEY: a new token only refers to the user, and
  // its transaction, which holds the counters, must not wait for one that waits for the counters.
  return dialect === 'postgres' ? query.forNoKeyUpdate() : query
})

/** What a user has, and may have; `null`: as everybody. */
export interface Allowance {
  readonly used: Use
  readonly quota: Quota | null
}

/**
 * Locks the users' rows, in the order of their ids, until the transaction ends; tells what each uses and may use.
 * Disabled users are left out.
 */
export async function lockAllowances(
  trx: Transaction<Tables>,
  dialect: Dialect,
  userIds: readonly number[],
): Promise<Map<number, Allowance>> {
  const rows = await lockUsers(trx, dialect, userIds)
  const enabled = rows.filter(row => row.disabled_at === null)
  return new Map(enabled.map(row => [row.id, { used: toUse(row), quota: parseQuota(row.quota) }]))
}

/** The same with disabled users: what theirs cost ends as well. */
export async function lockUseOfAll(
  trx: Transaction<Tables>,
  dialect: Dialect,
  userIds: readonly number[],
): Promise<Map<number, Use>> {
  const rows = await lockUsers(trx, dialect, userIds)
  return new Map(rows.map(row => [row.id, toUse(row)]))
}

function lockUsers(trx: Transaction<Tables>, dialect: Dialect, userIds: readonly number[]) {
  const ids = [...new Set(userIds)].toSorted((a, b) => a - b)
  return selectUseQuery.run(
    trx,
    dialect,
    ids.map(id => ({ id })),
  )
}

const updateUseQuery = new PreparedRows<UseRow & { id: number }, never>(
  ['id', 'used_clusters', 'used_cpus', 'used_memory_gib'],
  (db, rows, dialect) => {
    const values = valuesTable(
      rows.map(row => [row.id, row.used_clusters, row.used_cpus, row.used_memory_gib]),
      ['bigint', 'integer', 'double precision', 'double precision'],
      dialect,
    )
    return db
      .updateTable('users')
      .from(
        values.$castTo<{ column1: number; column2: number; column3: number; column4: number }>().as('use'),
      )
      .set(eb => ({
        used_clusters: eb.ref('use.column2'),
        used_cpus: eb.ref('use.column3'),
        used_memory_gib: eb.ref('use.column4'),
      }))
      .whereRef('users.id', '=', 'use.column1')
  },
)

/** Writes what the users use now; they were locked by {@link lockAllowances} in the same transaction. */
export async function updateUse(
  trx: Transaction<Tables>,
  dialect: Dialect,
  uses: ReadonlyMap<number, Use>,
): Promise<void> {
  const rows = [...uses].map(([id, use]) => ({
    id,
    used_clusters: use.clusters,
    used_cpus: use.cpus,
    used_memory_gib: use.memory_gib,
  }))
  await updateUseQuery.run(trx, dialect, rows)
}
