import { Worker } from 'node:worker_threads'
import { packageRoot } from './package-root.ts'
import type { PasswordAnswer, PasswordWork } from './password-thread.ts'

interface Waiting {
  readonly resolve: (result: string | boolean) => void
  readonly reject: (error: Error) => void
}

/** About two seconds of argon2; what comes on top is refused rather than kept waiting. */
const MAX_WAITING = 256

/**
 * Hashes and verifies passwords on one thread of low priority, one at a time: on the event loop, or on
 * libuv's pool, a few logins take the processor from everybody's requests. The thread starts at the first
 * login.
 */
export class PasswordHasher {
  #worker: Worker | undefined
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** The hash to store: argon2id, as a PHC string. */
  async hash(password: string): Promise<string> {
    const result = await this.#work({ id: this.#nextId(), password })
    if (typeof result !== 'string') throw new Error('the password thread answered another question')
    return result
  }

  /** Whether the password belongs to the hash, in any form of password-hash.ts. Rejects when too many wait. */
  async verify(password: string, hash: string): Promise<boolean> {
    return (await this.#work({ id: this.#nextId(), password, hash })) === true
  }

  /** True when no more work is taken now. */
  get isFull(): boolean {
    return this.#waiting.size >= MAX_WAITING
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  #work(work: PasswordWork): Promise<string | boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(work.id, { resolve, reject })
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#worker.postMessage(work)
    })
  }

  #start(): Worker {
    // A thread cannot be started from TypeScript on every Node: from source (tests) it comes from the build.
    const worker = new Worker(new URL('dist/password-thread.js', packageRoot))
    worker.on('message', (answer: PasswordAnswer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      // An idle thread must not keep a command from ending.
      if (this.#waiting.size === 0) worker.unref()
      if ('error' in answer) waiting?.reject(new Error(`password thread: ${answer.error}`))
      else waiting?.resolve(answer.result)
    })
    const lose = (error: Error) => {
      // After its error it exits, too; by then another may be at work.
      if (this.#worker !== worker) return
      this.#worker = undefined
      const lost = [...this.#waiting.values()]
      this.#waiting.clear()
      for (const { reject } of lost) reject(error)
    }
    worker.on('error', lose)
    worker.on('exit', code => {
      lose(new Error(`the password thread ended with ${code}`))
    })
    return worker
  }
}
