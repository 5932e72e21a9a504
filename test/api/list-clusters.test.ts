import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatCursor } from '../../src/api/paging.ts'
import type { Caller, Cluster } from '../support/caller.ts'
import { idsOf, nextPath, walk } from '../support/pages.ts'
import { errorsOf } from '../support/problems.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

let server: TestServer
/** Has seven clusters, of which three are named etl; none of these tests makes others for her. */
let alice: Caller
let hers: Cluster[]

beforeAll(async () => {
  server = await startServer()
  alice = await server.user()
  hers = []
  for (const name of ['etl', 'a', 'etl', 'b', 'ETL', 'etl', 'c'])
    hers.unshift(await alice.createCluster({ name }))
})
afterAll(() => server.stop())

const ids = () => hers.map(({ id }) => id)

test('answers with a bare array of the caller’s clusters, the newest first, with or without the slash', async () => {
  for (const path of ['/clusters/', '/clusters']) {
    const answer = await alice.get(path)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual(hers)
    expect(answer.headers['link']).toBeUndefined()
  }
})

test('answers somebody who has none with an empty array', async () => {
  const betty = await server.user()
  expect((await betty.get('/clusters/')).text).toBe('[]')
})

test('shows nobody the clusters of others, administrators included', async () => {
  const administrator = await server.user({ isAdministrator: true })
  const own = await administrator.createCluster({ name: 'etl' })
  expect((await administrator.get('/clusters/')).body).toEqual([own])
  expect((await administrator.get('/clusters?name=etl')).body).toEqual([own])
})

test('HEAD answers with the headers of GET, the link included', async () => {
  const [head, get] = [await alice.call('HEAD', '/clusters?limit=2'), await alice.get('/clusters?limit=2')]
  expect(head.status).toBe(200)
  expect(head.text).toBe('')
  expect(head.headers['link']).toBe(get.headers['link'])
})

test('gives at most `limit`, and leads to the rest by an absolute path that repeats it', async () => {
  const first = await alice.get('/clusters/?limit=3')
  expect(idsOf(first)).toEqual(ids().slice(0, 3))
  expect(nextPath(first)).toMatch(/^\/clusters\?limit=3&cursor=[A-Za-z0-9_-]+$/)
  expect(await walk(alice, '/clusters?limit=3')).toEqual([
    ids().slice(0, 3),
    ids().slice(3, 6),
    ids().slice(6),
  ])
})

test.each([1, 2, 6, 7, 8, 1000])('with limit %d the pages together are the whole list', async limit => {
  const pages = await walk(alice, `/clusters?limit=${limit}`)
  expect(pages.flat()).toEqual(ids())
  expect(pages).toHaveLength(Math.ceil(7 / limit))
})

test('filters by just this name, and by status', async () => {
  const etl = hers.filter(({ name }) => name === 'etl')
  expect((await alice.get('/clusters?name=etl')).body).toEqual(etl)
  expect((await alice.get('/clusters?name=nothing')).body).toEqual([])
  expect((await alice.get('/clusters?status=pending')).body).toEqual(hers)
  expect((await alice.get('/clusters?status=running')).body).toEqual([])
  expect((await alice.get('/clusters?status=pending&name=etl')).body).toEqual(etl)
})

test('repeats the filters in the link, and pages through what they let pass', async () => {
  const first = await alice.get('/clusters?name=etl&status=pending&limit=1')
  const parameters = new URL(nextPath(first) ?? '', server.url).searchParams
  expect(Object.fromEntries(parameters)).toMatchObject({ name: 'etl', status: 'pending', limit: '1' })
  const pages = await walk(alice, '/clusters?name=etl&status=pending&limit=1')
  const etl = hers.filter(({ name }) => name === 'etl')
  expect(pages).toEqual(etl.map(({ id }) => [id]))
})

test('a walk sees each cluster once, while others are created and deleted', async () => {
  const carol = await server.user()
  const before: number[] = []
  for (let count = 0; count < 9; count++) before.unshift((await carol.createCluster()).id)
  const meanwhile = async () => {
    const { id } = await carol.createCluster()
    await carol.createCluster()
    await carol.delete(`/clusters/${id}`)
    // Even the cluster that a cursor points at may go.
    await carol.delete(`/clusters/${before[1]}`)
  }
  const pages = await walk(carol, '/clusters?limit=2', meanwhile)
  expect(pages.flat()).toEqual(before)
})

test('a cursor shows nobody the clusters of others', async () => {
  const betty = await server.user()
  const own = await betty.createCluster()
  const stolen = nextPath(await alice.get('/clusters?limit=1')) ?? ''
  expect((await betty.get(stolen)).body).toEqual([])
  expect((await betty.get(`/clusters?cursor=${formatCursor(own.id + 1)}`)).body).toEqual([own])
})

test.each([
  ['limit=0', 'must be at least 1'],
  ['limit=-1', 'must be at least 1'],
  ['limit=1001', 'must be at most 1000'],
  ['limit=99999999999999999999', 'must be at most 1000'],
  ['limit=1.5', 'must be a whole number'],
  ['limit=', 'must be a whole number'],
  ['limit=ten', 'must be a whole number'],
  ['limit=true', 'must be a whole number'],
  ['limit=NaN', 'must be a whole number'],
  ['limit=Infinity', 'must be a whole number'],
  ['limit=-Infinity', 'must be a whole number'],
  ['limit=1&limit=2', 'is there more than once'],
])('refuses %s: %s', async (query, message) => {
  expect(errorsOf(await alice.get(`/clusters?${query}`))).toEqual({ limit: [message] })
})

test.each([
  ['empty', ''],
  ['random text', 'abc'],
  ['of id 0', formatCursor(0)],
  ['of a negative id', formatCursor(-5)],
  ['of a fraction', formatCursor(1.5)],
  ['beyond what JavaScript counts', Buffer.from('before:9007199254740993').toString('base64url')],
  ['without its prefix', Buffer.from('7').toString('base64url')],
  ['with a space', encodeURIComponent(`${formatCursor(7)} `)],
  ['padded', encodeURIComponent(Buffer.from('before:7').toString('base64'))],
  ['longer than any', 'A'.repeat(101)],
  ['there twice', `${formatCursor(7)}&cursor=${formatCursor(7)}`],
])('refuses a cursor that is %s', async (_name, cursor) => {
  const errors = errorsOf(await alice.get(`/clusters?cursor=${cursor}`))
  expect(Object.keys(errors)).toEqual(['cursor'])
})

test.each([
  ['status=Running', 'status'],
  ['status=', 'status'],
  ['status=pending&status=running', 'status'],
  ['status=constructor', 'status'],
  ['name=', 'name'],
  ['name=a%20b', 'name'],
  ['name=%00', 'name'],
  [`name=${'x'.repeat(64)}`, 'name'],
  ['name=a&name=b', 'name'],
])('refuses %s', async (query, field) => {
  expect(Object.keys(errorsOf(await alice.get(`/clusters?${query}`)))).toEqual([field])
})

test.each([
  ['pagesize=1', 'pagesize', 'is not a known parameter'],
  ['limits=1', 'limits', 'is not a known parameter; did you mean limit?'],
  ['creator=1', 'creator', 'is not a known parameter'],
  ['__proto__=1', '__proto__', 'is not a known parameter'],
  ['limit[]=1', 'limit[]', 'is not a known parameter; did you mean limit?'],
])('refuses the unknown parameter of ?%s', async (query, field, message) => {
  const { errors } = JSON.parse((await alice.get(`/clusters?${query}`)).text) as { errors: object }
  expect(Object.entries(errors)).toEqual([[field, [message]]])
})

test('names all faulty parameters at once', async () => {
  const errors = errorsOf(await alice.get('/clusters?limit=0&status=x&name=%20&cursors=1&cursor='))
  expect(Object.keys(errors)).toEqual(expect.arrayContaining(['limit', 'status', 'name', 'cursors']))
})

test('answers 400 to a query that cannot be decoded: the address exists', async () => {
  expect((await alice.get('/clusters?name=%zz')).status).toBe(400)
})
