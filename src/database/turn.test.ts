import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ReadTurn } from './turn.ts'

const DATA_VERSION = 'pragma data_version'

/** A connection that keeps account of what it was told, and fails when a test says so. */
class FakeConnection {
  readonly told: string[] = []
  isInTransaction = false
  version = 1
  /** What fails from now on, by what it is told. */
  readonly failing = new Map<string, Error>()
  rowsOf = (sql: string, parameters: readonly unknown[]): readonly unknown[] => [
    { said: `${sql} ${parameters.join()}`.trim() },
  ]

  exec(sql: string): void {
    this.#tell(sql)
    if (this.isInTransaction) throw new Error('cannot start a transaction within a transaction')
    this.isInTransaction = true
  }

  endRead(): void {
    if (!this.isInTransaction) throw new Error('there is no transaction to end')
    this.isInTransaction = false
    this.#tell('end')
  }

  execute(sql: string, parameters: readonly unknown[]): { readonly rows: readonly unknown[] } {
    this.#tell(`${sql} ${parameters.join()}`.trim())
    if (!this.isInTransaction) throw new Error('it reads outside of a transaction')
    return { rows: sql === DATA_VERSION ? [{ data_version: this.version }] : this.rowsOf(sql, parameters) }
  }

  /** The questions of users that it was asked since it was last looked at. */
  takeQuestions(): string[] {
    const control = ['begin', 'end', DATA_VERSION]
    return this.told.splice(0).filter(text => !control.includes(text))
  }

  #tell(text: string): void {
    this.told.push(text)
    const failure = this.failing.get(text)
    if (failure !== undefined) throw failure
  }
}

function create(): { connection: FakeConnection; turn: ReadTurn } {
  const connection = new FakeConnection()
  return { connection, turn: new ReadTurn(connection) }
}

const said = (text: string) => [{ said: text }]

test('the reads of one turn share one transaction, which asks for the version first', async () => {
  const { connection, turn } = create()
  expect(await Promise.all([turn.rows('one', []), turn.rows('two', [2])])).toEqual([
    said('one'),
    said('two 2'),
  ])
  expect(connection.told).toEqual(['begin', DATA_VERSION, 'one', 'two 2', 'end'])
})

test('answers are given only after the transaction has ended', async () => {
  const { connection, turn } = create()
  connection.failing.set('bad', new Error('no such table'))
  const note = () => connection.told.push('answered')
  await Promise.all([turn.rows('good', []).then(note), turn.rows('bad', []).catch(note)])
  expect(connection.told.slice(-3)).toEqual(['end', 'answered', 'answered'])
})

test('a question that fails is told so alone; its neighbours are answered', async () => {
  const { connection, turn } = create()
  const failure = new Error('no such table')
  connection.failing.set('bad', failure)
  const results = await Promise.allSettled(['before', 'bad', 'after'].map(sql => turn.rows(sql, [])))
  expect(results).toEqual([
    { status: 'fulfilled', value: said('before') },
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: said('after') },
  ])
  expect(connection.isInTransaction).toBe(false)
})

test.each(['begin', DATA_VERSION, 'end'])(
  'when "%s" fails, every reader of that turn is told so, and those of the next are answered',
  async what => {
    const { connection, turn } = create()
    const failure = new Error('disk I/O error')
    connection.failing.set(what, failure)
    const results = await Promise.allSettled([turn.rows('one', []), turn.rows('two', [])])
    expect(results).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
    ])
    expect(connection.isInTransaction).toBe(false)

    connection.failing.clear()
    expect(await Promise.all([turn.rows('one', []), turn.rows('three', [])])).toEqual([
      said('one'),
      said('three'),
    ])
    expect(connection.isInTransaction).toBe(false)
    await turn.idle()
  },
)

test('what is asked while others are being answered gets a turn of its own', async () => {
  const { connection, turn } = create()
  const second = turn.rows('first', []).then(() => turn.rows('second', []))
  expect(await second).toEqual(said('second'))
  expect(connection.told.filter(text => text === 'begin')).toHaveLength(2)
})

test('equal questions are asked once, in one turn and in later ones', async () => {
  const { connection, turn } = create()
  const ask = () => turn.rows('find', ['a'])
  expect(await Promise.all([ask(), ask()])).toEqual([said('find a'), said('find a')])
  expect(await ask()).toEqual(said('find a'))
  expect(connection.takeQuestions()).toEqual(['find a'])

  await Promise.all([turn.rows('find', ['b']), turn.rows('find', ['a', 1]), turn.rows('count', ['a'])])
  expect(connection.takeQuestions(), 'other parameters or another text').toEqual([
    'find b',
    'find a,1',
    'count a',
  ])
})

test('that there is nothing is an answer to keep as well', async () => {
  const { connection, turn } = create()
  connection.rowsOf = () => []
  expect(await turn.rows('find', [1])).toEqual([])
  expect(await turn.rows('find', [1])).toEqual([])
  expect(connection.takeQuestions()).toEqual(['find 1'])
})

test('an equal question is asked again once another connection has written', async () => {
  const { connection, turn } = create()
  await turn.rows('find', [1])
  connection.version = 2
  connection.rowsOf = () => [{ said: 'something else' }]
  expect(await turn.rows('find', [1])).toEqual(said('something else'))
  expect(connection.takeQuestions()).toEqual(['find 1', 'find 1'])
})

test('an equal question is asked again after a write of this connection, whose version stays', async () => {
  const { connection, turn } = create()
  await turn.rows('find', [1])
  turn.beginWrite()
  connection.rowsOf = () => [{ said: 'something else' }]
  turn.endWrite()
  expect(await turn.rows('find', [1])).toEqual(said('something else'))
})

test('a version that could not be read does not count as seen', async () => {
  const { connection, turn } = create()
  await turn.rows('find', [1])
  connection.version = 2
  connection.rowsOf = () => [{ said: 'something else' }]
  connection.failing.set(DATA_VERSION, new Error('disk I/O error'))
  await expect(turn.rows('find', [1])).rejects.toThrow('disk I/O error')
  connection.failing.clear()
  expect(await turn.rows('find', [1])).toEqual(said('something else'))
})

test('a question that failed is asked again', async () => {
  const { connection, turn } = create()
  connection.failing.set('find 1', new Error('disk I/O error'))
  await expect(turn.rows('find', [1])).rejects.toThrow('disk I/O error')
  connection.failing.clear()
  expect(await turn.rows('find', [1])).toEqual(said('find 1'))
})

test.each([
  ['a long text', [{ said: 'x'.repeat(5000) }]],
  ['several rows', [{ said: 'one' }, { said: 'two' }]],
])('an answer of %s is not kept', async (_what, rows) => {
  const { connection, turn } = create()
  connection.rowsOf = () => rows
  expect(await turn.rows('list', [])).toEqual(rows)
  expect(await turn.rows('list', [])).toEqual(rows)
  expect(connection.takeQuestions()).toEqual(['list', 'list'])
})

test('the answers that are kept are bounded: so many, and all are forgotten', async () => {
  const { connection, turn } = create()
  const askAll = () => Promise.all(Array.from({ length: 10_000 }, (_, index) => turn.rows('find', [index])))
  await askAll()
  connection.takeQuestions()
  await turn.rows('find', [0])
  expect(connection.takeQuestions()).toEqual(['find 0'])
})

test('reads that are asked during a write wait for its end', async () => {
  const { connection, turn } = create()
  turn.beginWrite()
  const asked = Promise.all([turn.rows('one', []), turn.rows('two', [])])
  for (let count = 0; count < 5; count++) await nextTurn()
  expect(connection.told).toEqual([])
  turn.endWrite()
  expect(await asked).toEqual([said('one'), said('two')])
  expect(connection.told).toEqual(['begin', DATA_VERSION, 'one', 'two', 'end'])
})

test('reads that were asked just before a write wait for its end, with those asked during it', async () => {
  const { connection, turn } = create()
  const before = turn.rows('before', [])
  turn.beginWrite()
  const during = turn.rows('during', [])
  for (let count = 0; count < 5; count++) await nextTurn()
  expect(connection.told).toEqual([])
  turn.endWrite()
  expect(await Promise.all([before, during])).toEqual([said('before'), said('during')])
  expect(connection.told.filter(text => text === 'begin')).toHaveLength(1)
})

test('a write that begins right after another has ended makes them wait once more', async () => {
  const { connection, turn } = create()
  turn.beginWrite()
  const asked = turn.rows('one', [])
  turn.endWrite()
  turn.beginWrite()
  for (let count = 0; count < 5; count++) await nextTurn()
  expect(connection.told).toEqual([])
  turn.endWrite()
  expect(await asked).toEqual(said('one'))
  await turn.idle()
})

test('it is idle once nothing waits', async () => {
  const { turn } = create()
  await turn.idle()
  const answered: string[] = []
  void turn.rows('one', []).then(() => answered.push('one'))
  await turn.idle()
  expect(answered).toEqual(['one'])
})

test('the version is the same for as long as nobody writes', async () => {
  const { connection, turn } = create()
  const first = await turn.version()
  await turn.rows('find', [1])
  expect(await turn.version()).toBe(first)

  turn.beginWrite()
  turn.endWrite()
  const afterOwn = await turn.version()
  expect(afterOwn).not.toBe(first)
  expect(await turn.version()).toBe(afterOwn)

  connection.version = 2
  const afterOthers = await turn.version()
  expect(afterOthers).not.toBe(afterOwn)
  expect(await turn.version()).toBe(afterOthers)
})
