import type { Transaction } from 'kysely'
import type { Dialect } from './dialect.ts'
import { PreparedQuery, PreparedRows, type PreparedReader } from './prepare.ts'
import type { Tables } from './tables.ts'

/** What makes a cluster's creator, and its workers, known to each other. */
export interface ClusterCredentials {
  readonly clusterId: number
  /** A certificate and its key. */
  readonly pem: string
}

const insertQuery = new PreparedQuery<ClusterCredentials, never>(({ db, param }) =>
  db
    .insertInto('credentials')
    .values({ cluster_id: param('clusterId'), pem: param('pem') })
    .onConflict(conflict => conflict.column('cluster_id').doNothing()),
)

/** The first ones of a cluster stay: its workers have them. */
export async function insertCredentials(
  trx: Transaction<Tables>,
  dialect: Dialect,
  credentials: ClusterCredentials,
): Promise<void> {
  await insertQuery.run(trx, dialect, credentials)
}

const findQuery = new PreparedQuery<{ clusterId: number }, { pem: string }>(({ db, param }) =>
  db.selectFrom('credentials').select('pem').where('cluster_id', '=', param('clusterId')),
)

/** `undefined` when it has none. */
export async function findCredentials(
  database: PreparedReader,
  clusterId: number,
): Promise<string | undefined> {
  const [row] = await findQuery.read(database, { clusterId })
  return row?.pem
}

const findVisibleQuery = new PreparedQuery<
  { clusterId: number; userId: number },
  { pem: string | null; status: string }
>(({ db, param }) =>
  db
    .selectFrom('clusters')
    .leftJoin('credentials', 'credentials.cluster_id', 'clusters.id')
    .select(['credentials.pem', 'clusters.status'])
    .where('clusters.id', '=', param('clusterId'))
    .where('clusters.creator_id', '=', param('userId')),
)

/** `undefined` when there is no such cluster, or the user did not create it. */
export async function findVisibleCredentials(
  database: PreparedReader,
  of: { readonly clusterId: number; readonly userId: number },
): Promise<{ readonly pem: string | null; readonly status: string } | undefined> {
  const [row] = await findVisibleQuery.read(database, of)
  return row
}

const deleteQuery = new PreparedRows<{ id: number }, never>(['id'], (db, rows) =>
  db.deleteFrom('credentials').where(
    'cluster_id',
    'in',
    rows.map(row => row.id),
  ),
)

/** Of clusters that have ended: nobody uses them any more. */
export async function deleteCredentials(
  trx: Transaction<Tables>,
  dialect: Dialect,
  clusterIds: readonly number[],
): Promise<void> {
  await deleteQuery.run(
    trx,
    dialect,
    clusterIds.map(id => ({ id })),
  )
}
