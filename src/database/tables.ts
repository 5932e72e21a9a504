import type { Generated } from 'kysely'
import type { AuditAction } from '../domain/audit.ts'
import type { ClusterReason, ClusterStatus } from '../domain/cluster.ts'
import type { WorkerEndReason, WorkerId, WorkerRole, WorkerStatus } from '../domain/worker.ts'
import type { Timestamp } from '../lib/clock.ts'

/** The tables as rows are read and written, the same on both databases. */
export interface Tables {
  counters: CountersTable
  users: UsersTable
  tokens: TokensTable
  clusters: ClustersTable
  workers: WorkersTable
  outputs: OutputsTable
  credentials: CredentialsTable
  leases: LeasesTable
  samples: SamplesTable
  audit: AuditTable
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
  last_audit_id: Generated<number>
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
  /** A JSON object with what this user may have at once; `null`: what the server allows everybody. */
  quota: string | null
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
  /** Its creator has deleted it: it is forgotten in the transaction that records its end. */
  deletes_on_end: Generated<0 | 1>
}

/** One row for every launch. It outlives its cluster, for it tells what was used, so `cluster_id` is no foreign key. */
interface WorkersTable {
  id: WorkerId
  cluster_id: number
  creator_id: number
  role: WorkerRole
  /** Which of the cluster's workers it is, from 0 on; its index for users. */
  seat: number
  status: WorkerStatus
  /** The last one on its seat; no cluster has two of those on one seat. */
  is_latest: 0 | 1
  /** How many on this seat have failed in a row, this one included should it fail. */
  attempt: number
  /** Which scheduler it was launched for: it cannot work for another one. */
  scheduler_id: WorkerId | null
  cpus: number
  memory: number
  node: string | null
  address: string | null
  exit_code: number | null
  signal: string | null
  reason: WorkerEndReason | null
  message: string | null
  /** What it has used by its end, where the engine can tell. */
  cpu_seconds: number | null
  peak_memory_bytes: number | null
  created_at: Timestamp
  started_at: Timestamp | null
  ended_at: Timestamp | null
}

/** The end of what a worker printed, kept from before the engine forgets it. */
interface OutputsTable {
  worker_id: WorkerId
  cluster_id: number
  output: Uint8Array
}

/** Of live clusters whose workers let nobody in without. */
interface CredentialsTable {
  cluster_id: number
  /** A certificate and its key. */
  pem: string
}

/** What the workers of a cluster used together. */
interface SamplesTable {
  cluster_id: number
  at: Timestamp
  /** One a minute at first, and one an hour after a day. */
  minutes: 1 | 60
  cpus: number | null
  memory_bytes: number | null
}

/** Which server runs the passes of a home. */
interface LeasesTable {
  home: string
  /** Random, new with each start of a server. */
  holder: string
  expires_at: Timestamp
}

/** One row for every change of status or reason. It outlives its cluster, so `cluster_id` is no foreign key. */
interface EventsTable {
  id: number
  cluster_id: number
  creator_id: number
  at: Timestamp
  status: ClusterStatus
  reason: ClusterReason
  message: string | null
}

/** What administrators did, one row for each act. */
interface AuditTable {
  id: number
  at: Timestamp
  administrator_id: number
  action: AuditAction
  /** Whose user or cluster it was done to. */
  user_id: number
  /** Clusters are forgotten at some time, so it is no foreign key. */
  cluster_id: number | null
  details: string | null
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
