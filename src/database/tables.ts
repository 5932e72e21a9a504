import type { Generated } from 'kysely'
import type { ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import type { Timestamp } from '../lib/clock.ts'

/** The tables as rows are read and written, the same on both databases. */
export interface Tables {
  counters: CountersTable
  users: UsersTable
  tokens: TokensTable
  clusters: ClustersTable
  events: EventsTable
  idempotency_keys: IdempotencyKeysTable
}

/**
 * One row: the last number given out, by kind. Numbers come from here and not from the database's own
 * sequences, so that they are never reused, also after a delete or a restore of old rows, and so that event
 * numbers commit in order: whoever takes one holds the row until the commit.
 */
interface CountersTable {
  id: 1
  last_user_id: number
  last_token_id: number
  last_cluster_id: number
  last_event_id: number
}

interface UsersTable {
  id: number
  username: string
  /** The hash with its algorithm in front; see lib/password.ts. */
  password: string
  is_administrator: 0 | 1
  disabled_at: Timestamp | null
  created_at: Timestamp
  /** What the user's live clusters use, kept here so that a quota check does not grow with the clusters. */
  used_clusters: number
  used_cpus: number
  used_memory_gib: number
}

interface TokensTable {
  id: number
  user_id: number
  name: string
  /** SHA-256 of the token, in hex; the token itself is stored nowhere. */
  hash: string
  created_at: Timestamp
  expires_at: Timestamp | null
  last_used_at: Timestamp | null
}

interface ClustersTable {
  id: number
  creator_id: number
  name: string
  cpus: number
  memory: number
  workers: number
  runtime: string
  /** A JSON array of strings. */
  command: string | null
  /** A JSON object of strings. */
  environment: string
  status: ClusterStatus
  reason: ClusterReason
  message: string | null
  engine: string
  /** Where its workers live; only that place ever launches it. */
  home: string
  ready_workers: Generated<number>
  address: string | null
  idle_timeout_seconds: number | null
  lifetime_seconds: number | null
  expires_at: Timestamp | null
  created_at: Timestamp
  started_at: Timestamp | null
  ready_at: Timestamp | null
  ended_at: Timestamp | null
}

/** One row for every change of status. It outlives its cluster, so `cluster_id` is no foreign key. */
interface EventsTable {
  id: number
  cluster_id: number
  creator_id: number
  at: Timestamp
  status: ClusterStatus
  reason: ClusterReason
  message: string | null
}

interface IdempotencyKeysTable {
  user_id: number
  key: string
  /** SHA-256 of the parsed body, keys sorted. */
  request_hash: string
  cluster_id: number
  /** The first answer, replayed as it was. */
  response: string
  created_at: Timestamp
}
