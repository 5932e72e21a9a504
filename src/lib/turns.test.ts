import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Turns } from './turns.ts'

/** Work that notes when it begins, and ends when it is told to. */
function createWork(events: string[], name: string) {
  let end: (error?: Error) => void = () => undefined
  const ended = new Promise<string>((resolve, reject) => {
    end = error => {
      if (error === undefined) resolve(`did ${name}`)
      else reject(error)
    }
  })
  const work = () => {
    events.push(name)
    return ended
  }
  return { work, end }
}

test('work for one key is done one after the other, in the order in which it was asked for', async () => {
  const turns = new Turns()
  const events: string[] = []
  const [first, second, third] = [
    createWork(events, 'first'),
    createWork(events, 'second'),
    createWork(events, 'third'),
  ]
  const results = Promise.all([first, second, third].map(({ work }) => turns.run('key', work)))
  // The later ones could be done already; they wait all the same.
  third.end()
  second.end()
  await nextTurn()
  expect(events).toEqual(['first'])
  first.end()
  expect(await results).toEqual(['did first', 'did second', 'did third'])
  expect(events).toEqual(['first', 'second', 'third'])
})

test('work for another key waits for nobody', async () => {
  const turns = new Turns()
  const events: string[] = []
  const [slow, quick] = [createWork(events, 'slow'), createWork(events, 'quick')]
  const slowResult = turns.run('one', slow.work)
  quick.end()
  expect(await turns.run('other', quick.work)).toBe('did quick')
  slow.end()
  expect(await slowResult).toBe('did slow')
})

test('work that fails tells its own caller alone; the next is done', async () => {
  const turns = new Turns()
  const events: string[] = []
  const [bad, good] = [createWork(events, 'bad'), createWork(events, 'good')]
  const results = Promise.allSettled([turns.run('key', bad.work), turns.run('key', good.work)])
  const failure = new Error('failed')
  bad.end(failure)
  good.end()
  expect(await results).toEqual([
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: 'did good' },
  ])
})

test('work begins at once when nobody is before it, also after others are done', async () => {
  const turns = new Turns()
  const events: string[] = []
  for (const name of ['first', 'later']) {
    const { work, end } = createWork(events, name)
    const result = turns.run('key', work)
    expect(events.at(-1)).toBe(name)
    end()
    await result
  }
})
