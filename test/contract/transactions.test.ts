import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { listAccounts, updateDisabledAt } from '../../src/database/users.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
let database: Database
let userId: number

beforeAll(async () => {
  server = await startServer()
  database = server.database
  userId = (await server.user()).id
})
afterAll(() => server.stop())

const NOW = '2026-11-23T10:00:00.000Z'
/** Long enough for a read to be answered that does not wait for the transaction. */
const WHILE_MS = 50

async function isDisabled(): Promise<boolean> {
  const accounts = await listAccounts(database.reads)
  return accounts.find(({ id }) => id === userId)?.disabledAt !== null
}

test('a read never sees what is taken back in the end', async () => {
  const seen: Promise<boolean>[] = []
  const takenBack = new Error('taken back')
  const transaction = database.transaction(async trx => {
    await updateDisabledAt(trx, userId, NOW)
    seen.push(isDisabled())
    await sleep(WHILE_MS)
    seen.push(isDisabled())
    throw takenBack
  })
  await expect(transaction).rejects.toBe(takenBack)
  expect(await Promise.all(seen)).toEqual([false, false])
  expect(await isDisabled()).toBe(false)
})

test('whoever has been told of a write reads it', async () => {
  expect(await isDisabled()).toBe(false)
  const earlier: Promise<boolean>[] = []
  await database.transaction(async trx => {
    earlier.push(isDisabled())
    await updateDisabledAt(trx, userId, NOW)
    await sleep(WHILE_MS)
  })
  expect(await isDisabled()).toBe(true)
  // What was asked while it ran is answered too, from before or from after it.
  await expect(Promise.all(earlier)).resolves.toHaveLength(1)
  await database.transaction(trx => updateDisabledAt(trx, userId, null))
  expect(await isDisabled()).toBe(false)
})

test('transactions run one after the other', async () => {
  const order: string[] = []
  const run = (name: string) =>
    database.transaction(async trx => {
      order.push(`${name} begins`)
      await updateDisabledAt(trx, userId, null)
      await sleep(WHILE_MS / 10)
      order.push(`${name} ends`)
    })
  await Promise.all([run('a'), run('b')])
  expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})
