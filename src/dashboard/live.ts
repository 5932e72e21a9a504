import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Problem } from '../client/index.ts'
import { client, toProblem } from './api.ts'

/** Looks again at what has changed, as events say it. Gives what is wrong with the connection. */
export function useLiveUpdates(onRefused: (problem: Problem) => void): Problem | undefined {
  const cache = useQueryClient()
  const [lost, setLost] = useState<Problem>()
  useEffect(() => {
    const stop = new AbortController()
    let wasLost = false
    const onConnection = (problem: Problem | undefined) => {
      setLost(problem)
      // What happened before the first event of the new connection.
      if (problem === undefined && wasLost) void cache.invalidateQueries()
      wasLost = problem !== undefined
    }
    const follow = async () => {
      for await (const { cluster } of client.followEvents({ signal: stop.signal, onConnection })) {
        void cache.invalidateQueries({ queryKey: ['clusters'] })
        void cache.invalidateQueries({ queryKey: ['cluster', cluster] })
        void cache.invalidateQueries({ queryKey: ['me'] })
        void cache.invalidateQueries({ queryKey: ['admin'] })
      }
    }
    follow().catch((error: unknown) => {
      onRefused(toProblem(error))
    })
    return () => {
      stop.abort()
    }
  }, [cache, onRefused])
  return lost
}
