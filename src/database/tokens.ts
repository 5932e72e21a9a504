import type { Kysely, Transaction } from 'kysely'
import type { User } from '../domain/user.ts'
import type { Timestamp } from '../lib/clock.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

export interface Token {
  readonly id: number
  readonly name: string
  readonly createdAt: Timestamp
  readonly expiresAt: Timestamp | null
  readonly lastUsedAt: Timestamp | null
}

/** A token as a request presents it, with its user. */
export interface PresentedToken {
  readonly tokenId: number
  readonly expiresAt: Timestamp | null
  readonly lastUsedAt: Timestamp | null
  readonly user: User
}

interface PresentedRow {
  token_id: number
  expires_at: Timestamp | null
  last_used_at: Timestamp | null
  user_id: number
  username: string
  is_administrator: number
}

const findPresentedQuery = new PreparedQuery<{ hash: string }, PresentedRow>(({ db, param }) =>
  db
    .selectFrom('tokens')
    .innerJoin('users', 'users.id', 'tokens.user_id')
    .select([
      'tokens.id as token_id',
      'tokens.expires_at',
      'tokens.last_used_at',
      'users.id as user_id',
      'users.username',
      'users.is_administrator',
    ])
    .where('tokens.hash', '=', param('hash'))
    .where('users.disabled_at', 'is', null),
)

/** By the token's hash, of a user who is not disabled; the caller looks at the expiry. */
export async function findPresentedToken(
  database: PreparedReader,
  hash: string,
): Promise<PresentedToken | undefined> {
  const [row] = await findPresentedQuery.read(database, { hash })
  return (
    row && {
      tokenId: row.token_id,
      expiresAt: row.expires_at,
      lastUsedAt: row.last_used_at,
      user: { id: row.user_id, username: row.username, isAdministrator: row.is_administrator === 1 },
    }
  )
}

export async function insertToken(
  trx: Transaction<Tables>,
  token: {
    id: number
    userId: number
    name: string
    hash: string
    createdAt: Timestamp
    expiresAt: Timestamp | null
  },
): Promise<void> {
  await trx
    .insertInto('tokens')
    .values({
      id: token.id,
      user_id: token.userId,
      name: token.name,
      hash: token.hash,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
      last_used_at: null,
    })
    .execute()
}

/** The newest first, at most `limit`, older than the id `before`, not expired at `now`. */
export async function listTokens(
  db: Kysely<Tables>,
  userId: number,
  page: { before: number; limit: number; now: Timestamp },
): Promise<Token[]> {
  const rows = await db
    .selectFrom('tokens')
    .select(['id', 'name', 'created_at', 'expires_at', 'last_used_at'])
    .where('user_id', '=', userId)
    .where('id', '<', page.before)
    .where(eb => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', page.now)]))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute()
  return rows.map(row => ({
    id: row.id,
    name: row.name,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }))
}

export async function hasToken(trx: Transaction<Tables>, userId: number, id: number): Promise<boolean> {
  const query = trx.selectFrom('tokens').select('id').where('id', '=', id).where('user_id', '=', userId)
  return (await query.executeTakeFirst()) !== undefined
}

/** False when the user has no such token. */
export async function deleteToken(trx: Transaction<Tables>, userId: number, id: number): Promise<boolean> {
  const rows = await trx
    .deleteFrom('tokens')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .returning('id')
    .execute()
  return rows.length > 0
}

export async function deleteTokensOf(trx: Transaction<Tables>, userId: number): Promise<void> {
  await trx.deleteFrom('tokens').where('user_id', '=', userId).execute()
}

/** Notes when tokens were last used. */
export const updateLastUsedAt = new PreparedRows<{ id: number }, never, { at: Timestamp }>(
  ['id'],
  (db, rows, _dialect, { at }) =>
    db
      .updateTable('tokens')
      .set({ last_used_at: at })
      .where(
        'id',
        'in',
        rows.map(({ id }) => id),
      ),
  ['at'],
)

/** At most `limit` of them; tells how many. */
export async function deleteTokensExpiredBefore(
  trx: Transaction<Tables>,
  before: Timestamp,
  limit: number,
): Promise<number> {
  const expired = trx.selectFrom('tokens').select('id').where('expires_at', '<', before).limit(limit)
  const rows = await trx.deleteFrom('tokens').where('id', 'in', expired).returning('id').execute()
  return rows.length
}
