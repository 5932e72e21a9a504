/** What the types of the client promise; tsc checks them, and nothing is asked of a server. */
import { describe, expectTypeOf, test } from 'vitest'
import {
  createClient,
  unwrap,
  type Client,
  type Cluster,
  type Event,
  type NewCluster,
  type Page,
  type Problem,
  type Result,
} from '../../src/client/index.ts'

describe('the types of the client', () => {
  test('a cluster has the four requested fields as numbers, and words of closed lists', () => {
    expectTypeOf<Cluster>().toMatchObjectType<{ id: number; creator: number; cpus: number; memory: number }>()
    expectTypeOf<Cluster['status']>().toEqualTypeOf<
      'pending' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed'
    >()
    expectTypeOf<'out_of_memory'>().toExtend<Cluster['reason']>()
    expectTypeOf<'whatever'>().not.toExtend<Cluster['reason']>()
    expectTypeOf<Cluster['ended_at']>().toEqualTypeOf<string | null>()
    expectTypeOf<Event['status']>().toEqualTypeOf<Cluster['status']>()
  })

  test('a new cluster needs CPUs and memory, and its creator is whoever asks', () => {
    expectTypeOf<{ cpus: number; memory: number }>().toExtend<NewCluster>()
    expectTypeOf<{ cpus: number }>().not.toExtend<NewCluster>()
    expectTypeOf<{ cpus: string; memory: number }>().not.toExtend<NewCluster>()
    expectTypeOf<NewCluster>().not.toHaveProperty('creator')
  })

  test('there is no data before somebody has looked whether it went well', () => {
    expectTypeOf<Client['getCluster']>().returns.resolves.toEqualTypeOf<Result<Cluster>>()
    const look = (result: Result<Cluster>) => {
      // @ts-expect-error: it may be a problem.
      void result.data
      if (result.ok) expectTypeOf(result.data).toEqualTypeOf<Cluster>()
      else expectTypeOf(result.problem).toEqualTypeOf<Problem>()
      expectTypeOf(unwrap(result)).toEqualTypeOf<Cluster>()
    }
    expectTypeOf(look).toBeFunction()
    expectTypeOf<Client['listClusters']>().returns.resolves.toEqualTypeOf<Result<Page<Cluster>>>()
  })

  test('a client has a token or a session, and not both', () => {
    expectTypeOf(createClient).toBeCallableWith({ url: 'x' })
    expectTypeOf(createClient).toBeCallableWith({ url: 'x', token: () => undefined })
    expectTypeOf(createClient).toBeCallableWith({ url: 'x', session: true })
    expectTypeOf<{ url: string; token: string; session: true }>().not.toExtend<
      Parameters<typeof createClient>[0]
    >()
  })

  test('a stream gives events', () => {
    expectTypeOf<Client['followEvents']>().returns.toEqualTypeOf<AsyncGenerator<Event>>()
  })
})
