import pg from 'pg'
import { randomText } from '../lib/id.ts'
import { Changes } from './changes.ts'

const CHANNEL = 'clusters_changed'
const RECONNECT_MS = 1000

/**
 * Changes on one PostgreSQL, told to every server on it. What was announced is sent after its commit and not in it:
 * a NOTIFY inside a transaction makes all commits of the database wait for each other. So one that is lost with its
 * server is made good by whoever looks now and then.
 */
export class PostgresChanges {
  readonly #config: pg.ClientConfig
  readonly #send: (channel: string, payload: string) => Promise<unknown>
  readonly #local = new Changes()
  /** To know our own from those of others. */
  readonly #sender = randomText(6)
  #isSending = false
  #isToBeSentAgain = false
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #state: 'new' | 'listening' | 'closed' = 'new'

  constructor(config: pg.ClientConfig, send: (channel: string, payload: string) => Promise<unknown>) {
    this.#config = config
    this.#send = send
  }

  announce(): void {
    this.#local.announce()
    if (this.#isSending) this.#isToBeSentAgain = true
    else void this.#sendAll()
  }

  subscribe(listener: () => void): () => void {
    if (this.#state === 'new') {
      this.#state = 'listening'
      void this.#listen()
    }
    return this.#local.subscribe(listener)
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    await this.#client?.end().catch(() => undefined)
  }

  /** One at a time: what is announced meanwhile shares the next. Never rejects. */
  async #sendAll(): Promise<void> {
    this.#isSending = true
    do {
      this.#isToBeSentAgain = false
      await this.#send(CHANNEL, this.#sender).catch(() => undefined)
    } while (this.#isToBeSentAgain && this.#state !== 'closed')
    this.#isSending = false
  }

  /** Never rejects: it tries until it is closed. */
  async #listen(): Promise<void> {
    const client = new pg.Client(this.#config)
    this.#client = client
    client.on('error', () => undefined)
    client.on('notification', ({ payload }) => {
      if (payload !== this.#sender) this.#local.announce()
    })
    client.on('end', () => {
      if (this.#state === 'closed') return
      this.#timer = setTimeout(() => void this.#listen(), RECONNECT_MS).unref()
    })
    try {
      await client.connect()
      await client.query(`listen ${CHANNEL}`)
      // What was sent while nobody listened.
      this.#local.announce()
    } catch {
      await client.end().catch(() => undefined)
    }
  }
}
