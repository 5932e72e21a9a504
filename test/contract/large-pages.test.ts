import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Caller, Cluster } from '../support/caller.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const COUNT = 90
/** Close to the most that a command, and an environment, may have. */
const BYTES = 60_000

let server: TestServer
let ada: Caller
let ids: number[]

beforeAll(async () => {
  server = await startServer()
  ada = await server.user()
  ids = await createLarge(ada)
})
afterAll(() => server.stop())

/** The ids, the newest first. Half of them are named. */
async function createLarge(creator: Caller): Promise<number[]> {
  const created: number[] = []
  for (let index = 0; index < COUNT; index++) {
    const { id } = await creator.createCluster({
      name: index % 2 === 0 ? 'even' : 'odd',
      runtime: 'command',
      command: [`/bin/${index}`, 'x'.repeat(BYTES)],
      environment: { INDEX: String(index), LARGE: 'y'.repeat(BYTES) },
    })
    created.unshift(id)
  }
  return created
}

const clustersOf = (answer: Answer) => answer.body as readonly Cluster[]
const idsOf = (answer: Answer) => clustersOf(answer).map(({ id }) => id)

/** Where `Link` leads to, if there is one. */
function nextOf(answer: Answer): string | undefined {
  const { link } = answer.headers
  return typeof link === 'string' ? /^<([^>]+)>; rel="next"$/.exec(link)?.[1] : undefined
}

async function followLinks(path: string): Promise<Answer[]> {
  const pages: Answer[] = []
  for (let next: string | undefined = path; next !== undefined;) {
    const page = await ada.get(next)
    pages.push(page)
    next = nextOf(page)
  }
  return pages
}

test.each(['/clusters', '/clusters?limit=1000', '/clusters?limit=80'])(
  'a page of very large clusters is shorter than its limit, and Link leads to the rest: %s',
  async path => {
    const first = await ada.get(path)
    const length = clustersOf(first).length
    expect(length).toBeGreaterThanOrEqual(50)
    expect(length).toBeLessThan(80)
    expect(idsOf(first)).toEqual(ids.slice(0, length))
    expect(nextOf(first)).toBeDefined()
  },
)

test('following the Links gives every cluster once and whole, the newest first', async () => {
  const pages = await followLinks('/clusters')
  expect(pages.length).toBeGreaterThan(1)
  expect(pages.flatMap(idsOf)).toEqual(ids)
  pages.flatMap(clustersOf).forEach(({ command, environment }, position) => {
    const index = COUNT - 1 - position
    expect(command).toEqual([`/bin/${index}`, 'x'.repeat(BYTES)])
    expect(environment).toEqual({ INDEX: String(index), LARGE: 'y'.repeat(BYTES) })
  })
})

test.each([1, 49, 50])(
  'a page of up to 50 has as many as were asked for, however large: limit=%i',
  async limit => {
    const page = await ada.get(`/clusters?limit=${limit}`)
    expect(idsOf(page)).toEqual(ids.slice(0, limit))
    const next = await ada.get(nextOf(page) ?? '')
    expect(idsOf(next)).toEqual(ids.slice(limit, Math.min(2 * limit, COUNT)))
  },
)

test('a page above 50 that is not too large has as many as were asked for', async () => {
  const page = await ada.get('/clusters?limit=60')
  expect(idsOf(page)).toEqual(ids.slice(0, 60))
  expect(nextOf(page)).toBeDefined()
})

test.each(['name=odd', 'status=pending', 'status=pending&name=odd'])(
  'filtered pages are complete as well: %s',
  async filter => {
    const wanted = filter.includes('odd') ? ids.filter((_, position) => position % 2 === 0) : ids
    const pages = await followLinks(`/clusters?${filter}`)
    expect(pages.flatMap(idsOf)).toEqual(wanted)
  },
)

test('the last page says that it is the last, also when it is just full', async () => {
  const first = await ada.get('/clusters?limit=80')
  const shown = idsOf(first).length
  const rest = await ada.get((nextOf(first) ?? '').replace('limit=80', `limit=${COUNT - shown}`))
  expect(idsOf(rest)).toEqual(ids.slice(shown))
  expect(rest.headers['link']).toBeUndefined()
})

test('another creator has none of them, and an empty page', async () => {
  const grace = await server.user()
  const page = await grace.get('/clusters')
  expect(page.body).toEqual([])
  expect(page.headers['link']).toBeUndefined()
})
