import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useState, type ReactNode } from 'react'
import { Link, Route, Switch, useLocation } from 'wouter'
import type { Me, Problem } from '../client/index.ts'
import { client, toProblem, useData } from './api.ts'
import { useLiveUpdates } from './live.ts'
import { AdministrationPage } from './pages/administration/index.tsx'
import { ClusterPage } from './pages/cluster.tsx'
import { ClustersPage } from './pages/clusters.tsx'
import { CreatePage } from './pages/create.tsx'
import { LoginPage } from './pages/login.tsx'
import { TokensPage } from './pages/tokens.tsx'
import { UsagePage } from './pages/usage.tsx'
import { Button, Empty, Notice, ProblemNotice } from './ui.tsx'

/** Who is logged in decides what is shown; nothing is, until that is known. */
export function App() {
  const cache = useQueryClient()
  const me = useData(['me'], () => client.getMe())
  const [wasLoggedIn, setWasLoggedIn] = useState(false)
  const problem = me.error === null ? undefined : toProblem(me.error)
  const isRefused = problem?.status === 401

  useEffect(() => {
    if (me.data !== undefined && !isRefused) setWasLoggedIn(true)
  }, [me.data, isRefused])
  const onRefused = useCallback(() => {
    void cache.invalidateQueries({ queryKey: ['me'] })
  }, [cache])
  const onLogin = () => {
    // Of whoever was here before nothing may be seen.
    cache.removeQueries({ predicate: ({ queryKey: [first] }) => first !== 'me' })
    void cache.resetQueries({ queryKey: ['me'] })
    setWasLoggedIn(false)
  }

  if (isRefused) return <LoginPage isOver={wasLoggedIn} onLogin={onLogin} />
  if (me.data !== undefined) return <Frame me={me.data} onRefused={onRefused} onLogout={onLogin} />
  if (problem !== undefined) {
    return (
      <main className="lonely">
        <ProblemNotice error={me.error} />
        <Button onClick={() => void me.refetch()}>Try again</Button>
      </main>
    )
  }
  return <main className="lonely" aria-busy="true" />
}

function Frame({
  me,
  onRefused,
  onLogout,
}: {
  me: Me
  onRefused: (problem: Problem) => void
  onLogout: () => void
}) {
  const lost = useLiveUpdates(onRefused)
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header me={me} onLogout={onLogout} />
      {lost === undefined ? null : (
        <Notice kind="warning">
          The server does not answer; what you see may be old. It is tried again.
        </Notice>
      )}
      <main id="main">
        <Switch>
          <Route path="/">
            <ClustersPage />
          </Route>
          <Route path="/new">
            <CreatePage me={me} />
          </Route>
          <Route path="/clusters/:id">{({ id }) => <ClusterPage key={id} id={Number(id)} />}</Route>
          <Route path="/tokens">
            <TokensPage />
          </Route>
          <Route path="/usage">
            <UsagePage me={me} />
          </Route>
          {me.is_administrator ? (
            <Route path="/administration">
              <AdministrationPage me={me} />
            </Route>
          ) : null}
          <Route>
            <Empty title="There is nothing here" isPage>
              <Link href="/">To your clusters</Link>
            </Empty>
          </Route>
        </Switch>
      </main>
    </>
  )
}

function Header({ me, onLogout }: { me: Me; onLogout: () => void }) {
  const logOut = () => {
    void client.endSession().then(onLogout)
  }
  return (
    <header>
      <Link href="/" className="brand">
        <img src="/dashboard/assets/icon.svg" alt="" width="28" height="28" />
        clusters
      </Link>
      <nav aria-label="Pages">
        <NavLink href="/">Clusters</NavLink>
        <NavLink href="/usage">Usage</NavLink>
        <NavLink href="/tokens">Tokens</NavLink>
        {me.is_administrator ? <NavLink href="/administration">Administration</NavLink> : null}
      </nav>
      <div className="who">
        <span>{me.username}</span>
        <Button kind="quiet" onClick={logOut}>
          Log out
        </Button>
      </div>
    </header>
  )
}

function NavLink({ href, children }: { href: string; children: ReactNode }) {
  const [location] = useLocation()
  const isHere = href === '/' ? location === '/' || location.startsWith('/clusters/') : location === href
  return (
    <Link href={href} aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  )
}
