import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Me, Problem } from '../../../client/index.ts'
import { Notice } from '../../ui.tsx'
import type { Act } from './act.ts'
import { ActsSection } from './acts.tsx'
import { ClustersSection } from './clusters.tsx'
import { EngineSection } from './engine.tsx'
import { UsageSection } from './usage.tsx'
import { UsersSection } from './users.tsx'

/** What others take, and never what they do with it. */
export function AdministrationPage({ me }: { me: Me }) {
  const cache = useQueryClient()
  const [problem, setProblem] = useState<Problem>()
  const act: Act = doing => {
    void doing.then(result => {
      setProblem(result.ok ? undefined : result.problem)
      void cache.invalidateQueries({ queryKey: ['admin'] })
    })
  }
  return (
    <>
      <div className="title">
        <h1>Administration</h1>
      </div>
      {problem === undefined ? null : <Notice kind="danger">{problem.detail}</Notice>}
      <EngineSection />
      <ClustersSection act={act} />
      <UsersSection me={me} act={act} />
      <UsageSection />
      <ActsSection />
    </>
  )
}
