import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { UndoStack } from './undo-stack.ts'

test('what was taken last is let go of first, and each step waits for the one before', async () => {
  const undo = new UndoStack()
  const events: string[] = []
  const step = (name: string) => async () => {
    events.push(`${name} begins`)
    await nextTurn()
    events.push(`${name} ends`)
  }
  undo.push(step('first'))
  undo.push(step('second'), step('third'))
  await undo.run()
  expect(events).toEqual(['third', 'second', 'first'].flatMap(name => [`${name} begins`, `${name} ends`]))
})

test('steps after one that failed are taken all the same; the first failure is the one to tell', async () => {
  const undo = new UndoStack()
  const taken: string[] = []
  const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
  undo.push(
    () => taken.push('first'),
    () => {
      throw thrown
    },
    () => taken.push('second'),
    () => Promise.reject(rejected),
    () => taken.push('third'),
  )
  await expect(undo.run()).rejects.toBe(rejected)
  expect(taken).toEqual(['third', 'second', 'first'])
})

test('a step is taken once, whether it failed or not', async () => {
  const undo = new UndoStack()
  let count = 0
  undo.push(() => {
    count += 1
    throw new Error('failed')
  })
  await expect(undo.run()).rejects.toThrow('failed')
  await undo.run()
  expect(count).toBe(1)
})
