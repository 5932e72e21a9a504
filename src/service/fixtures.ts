import type { Transaction } from 'kysely'
import { insertClusters, listTakenClusterIds, type NewCluster } from '../database/clusters.ts'
import { raiseCounters, takeNumbers } from '../database/counters.ts'
import { insertEvents } from '../database/events.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables.ts'
import { insertUser, listAccounts, type Account } from '../database/users.ts'
import { OperatorError } from '../domain/errors.ts'
import { MAX_CPUS, MAX_MEMORY_GIB } from '../domain/limits.ts'
import { toTimestamp, type Clock, type Timestamp } from '../lib/clock.ts'
import { parseYaml } from '../lib/yaml.ts'
import { parsePasswordHash, UNUSABLE_PASSWORD } from '../lib/password-hash.ts'
import { usernameProblem } from './users.ts'

/** What a fixture brought in, and in sentences what it did not. */
export interface LoadReport {
  readonly users: number
  readonly clusters: number
  readonly notes: readonly string[]
}

/** An entry of Django's fixture form. */
interface Entry {
  readonly model: string
  readonly pk: unknown
  readonly fields: Readonly<Record<string, unknown>>
}

/** What clusters come in as. */
const IMPORTED = {
  status: 'stopped',
  reason: 'imported',
  message: 'Imported from another installation; it was never launched here.',
  engine: 'none',
  home: 'none',
} as const

/**
 * Loads users and clusters as `manage.py dumpdata` writes them, YAML or JSON, in one transaction. Ids are
 * kept; one that exists already is skipped and named, never overwritten. Clusters come in as `stopped`.
 * Rejects with an `OperatorError` when the text is no fixture.
 */
export async function loadFixture(
  database: Database,
  options: {
    text: string
    clock: Clock
    /** What the text is called in errors. */
    source?: string
  },
): Promise<LoadReport> {
  const entries = parseFixture(options.text, options.source ?? 'The fixture')
  const now = toTimestamp(options.clock())
  return await database.transaction(async trx => {
    const loading = new Loading(trx, database, now)
    await loading.loadUsers(entries.filter(({ model }) => model.endsWith('.user')))
    await loading.loadClusters(entries.filter(({ model }) => model === 'launcher.cluster'))
    loading.noteOthers(
      entries.filter(({ model }) => !model.endsWith('.user') && model !== 'launcher.cluster'),
    )
    await loading.raiseCounters()
    return loading.report
  })
}

function parseFixture(text: string, source: string): Entry[] {
  const content = parseContent(text, source)
  if (content === null || content === undefined) return []
  if (!Array.isArray(content))
    throw new OperatorError(`${source} is no fixture: that is a list of entries with model, pk and fields.`)
  return content.map((entry: unknown, index) => {
    if (!isRecord(entry) || typeof entry['model'] !== 'string' || !isRecord(entry['fields'])) {
      throw new OperatorError(`${source} is no fixture: its entry ${index + 1} has no model or no fields.`)
    }
    return { model: entry['model'].toLowerCase(), pk: entry['pk'], fields: entry['fields'] }
  })
}

function parseContent(text: string, source: string): unknown {
  try {
    return parseYaml(text)
  } catch (error) {
    throw new OperatorError(
      `${source} is neither YAML nor JSON: ${error instanceof Error ? error.message : 'unknown'}`,
    )
  }
}

class Loading {
  readonly #trx: Transaction<Tables>
  readonly #database: Database
  readonly #now: Timestamp
  readonly #notes: string[] = []
  /** Users of the file that are in the database, by the id and by the name that the file knows them by. */
  readonly #creators = new Map<number | string, number>()
  #users = 0
  #clusters = 0
  #largestUserId = 0
  #largestClusterId = 0

  constructor(trx: Transaction<Tables>, database: Database, now: Timestamp) {
    this.#trx = trx
    this.#database = database
    this.#now = now
  }

  get report(): LoadReport {
    return { users: this.#users, clusters: this.#clusters, notes: this.#notes }
  }

  async loadUsers(entries: readonly Entry[]): Promise<void> {
    const existing = await listAccounts(this.#trx)
    const byId = new Map(existing.map(account => [account.id, account]))
    const byName = new Map(existing.map(account => [account.username, account]))
    // Clusters may name creators who were here before and are not in the file.
    const named = new Set(entries.map(({ pk }) => Number(pk)))
    for (const account of existing) {
      if (!named.has(account.id)) this.#creators.set(account.id, account.id)
      this.#creators.set(account.username, account.id)
    }
    for (const entry of entries) {
      const account = this.#readUser(entry)
      if (account === undefined) continue
      const { id, username } = account
      const [sameId, sameName] = [byId.get(id), byName.get(username)]
      if (sameId?.username === username) {
        this.#creators.set(id, id)
        this.#notes.push(`user ${id} (${username}): exists already`)
      } else if (sameId !== undefined) {
        this.#notes.push(`user ${id} (${username}): the id belongs to ${sameId.username}`)
      } else if (sameName !== undefined) {
        this.#notes.push(`user ${id} (${username}): the name belongs to user ${sameName.id}`)
      } else {
        // The queue of writes keeps this process out, but not another server's.
        if (!(await insertUser(this.#trx, { ...account, password: this.#readPassword(account) }))) {
          throw new OperatorError(
            'Somebody else added users meanwhile; nothing was loaded, so load it again.',
          )
        }
        byId.set(id, account)
        byName.set(username, account)
        this.#creators.set(id, id).set(username, id)
        this.#largestUserId = Math.max(this.#largestUserId, id)
        this.#users += 1
      }
    }
  }

  #readUser({ pk, fields }: Entry): Account | undefined {
    const { username, password, is_superuser: isSuperuser, is_active: isActive, date_joined: joined } = fields
    const name = typeof username === 'string' ? username : undefined
    const label = `user ${describeId(pk)} (${name ?? 'no name'})`
    if (!isId(pk)) return this.#skip(`${label}: its id is no positive whole number`)
    if (name === undefined) return this.#skip(`${label}: it has no username`)
    const problem = usernameProblem(name)
    if (problem !== undefined) return this.#skip(`user ${pk}: its username ${problem}`)
    return {
      id: pk,
      username: name,
      password: typeof password === 'string' ? password : UNUSABLE_PASSWORD,
      isAdministrator: isSuperuser === true,
      disabledAt: isActive === false ? this.#now : null,
      createdAt: toTimestampOr(joined, this.#now),
    }
  }

  #readPassword({ id, username, password }: Account): string {
    const hash = parsePasswordHash(password)
    if (hash.kind === 'argon2id') return hash.phc
    if (hash.kind === 'pbkdf2') return password
    this.#notes.push(
      `user ${id} (${username}): loaded, but its password ${hash.why}; set one with: ./bin/clusters user passwd ${username}`,
    )
    return UNUSABLE_PASSWORD
  }

  async loadClusters(entries: readonly Entry[]): Promise<void> {
    const read = entries.map(entry => this.#readCluster(entry)).filter(row => row !== undefined)
    const seen = await this.#listTaken(read.map(({ id }) => id))
    const rows = read.filter(({ id }) => {
      if (seen.has(id)) this.#notes.push(`cluster ${id}: exists already`)
      const isNew = !seen.has(id)
      seen.add(id)
      return isNew
    })
    if (rows.length === 0) return
    const { dialect } = this.#database
    const first = await takeNumbers(this.#trx, dialect, { events: rows.length })
    await insertClusters.run(this.#trx, dialect, rows, { ...IMPORTED, ended_at: this.#now })
    await insertEvents.run(
      this.#trx,
      dialect,
      rows.map((row, index) => ({
        id: first.events + index,
        cluster_id: row.id,
        creator_id: row.creator_id,
        at: this.#now,
        status: IMPORTED.status,
        reason: IMPORTED.reason,
        message: IMPORTED.message,
      })),
    )
    this.#clusters = rows.length
    this.#largestClusterId = rows.reduce((largest, { id }) => Math.max(largest, id), 0)
  }

  #readCluster({ pk, fields }: Entry): NewCluster | undefined {
    const label = `cluster ${describeId(pk)}`
    if (!isId(pk)) return this.#skip(`${label}: its id is no positive whole number`)
    const creatorId = this.#findCreator(fields['creator'])
    if (creatorId === undefined) {
      return this.#skip(`${label}: its creator ${describeId(fields['creator'])} was not loaded`)
    }
    const [cpus, memory] = [toNumber(fields['cpus']), toNumber(fields['memory'])]
    if (!(cpus > 0 && cpus <= MAX_CPUS)) {
      return this.#skip(`${label}: its cpus are not above 0 and at most ${MAX_CPUS}`)
    }
    if (!(memory > 0 && memory <= MAX_MEMORY_GIB)) {
      return this.#skip(`${label}: its memory is not above 0 and at most ${MAX_MEMORY_GIB}`)
    }
    return {
      id: pk,
      creator_id: creatorId,
      name: `cluster-${pk}`,
      cpus,
      memory,
      workers: 1,
      runtime: 'idle',
      command: null,
      environment: '{}',
      idle_timeout_seconds: null,
      lifetime_seconds: null,
      created_at: toTimestampOr(fields['created_at'], this.#now),
    }
  }

  /** Django writes a creator as an id, or with natural keys as a list of the user name. */
  #findCreator(creator: unknown): number | undefined {
    const key: unknown = Array.isArray(creator) && creator.length === 1 ? creator[0] : creator
    return typeof key === 'number' || typeof key === 'string' ? this.#creators.get(key) : undefined
  }

  async #listTaken(ids: readonly number[]): Promise<Set<number>> {
    const taken = new Set<number>()
    const chunk = 1000
    for (let start = 0; start < ids.length; start += chunk) {
      const some = await listTakenClusterIds(this.#trx, ids.slice(start, start + chunk))
      for (const id of some) taken.add(id)
    }
    return taken
  }

  noteOthers(entries: readonly Entry[]): void {
    const counts = new Map<string, number>()
    for (const { model } of entries) counts.set(model, (counts.get(model) ?? 0) + 1)
    for (const [model, count] of counts) {
      this.#notes.push(`${count} ${count === 1 ? 'entry' : 'entries'} of ${model}: nothing here takes them`)
    }
  }

  async raiseCounters(): Promise<void> {
    await raiseCounters(this.#trx, { userId: this.#largestUserId, clusterId: this.#largestClusterId })
  }

  #skip(note: string): undefined {
    this.#notes.push(note)
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isId(value: unknown): value is number {
  // One less than JavaScript counts to: the next must have room.
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < Number.MAX_SAFE_INTEGER
}

function describeId(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value).slice(0, 50)
}

/** Django writes a DecimalField as a text. */
function toNumber(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN
}

/** Django without time zones writes none; the machine's own would be a guess, so it is taken for UTC. */
function toTimestampOr(value: unknown, otherwise: Timestamp): Timestamp {
  const hasZone = typeof value === 'string' && /(Z|[+-]\d\d:?\d\d)$/.test(value)
  const date = typeof value === 'string' ? new Date(hasZone ? value : `${value}Z`) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? otherwise : toTimestamp(date)
}
