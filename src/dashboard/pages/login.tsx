import { useState, type SubmitEvent } from 'react'
import type { Problem } from '../../client/index.ts'
import { client } from '../api.ts'
import { readText } from '../form.ts'
import { Button, Field, Notice } from '../ui.tsx'

export function LoginPage({ isOver, onLogin }: { isOver: boolean; onLogin: () => void }) {
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    setBusy(true)
    const logIn = client.startSession(readText(fields, 'username'), readText(fields, 'password'))
    void logIn.then(result => {
      setBusy(false)
      if (result.ok) onLogin()
      else setProblem(result.problem)
    })
  }
  return (
    <main className="login">
      <form onSubmit={submit}>
        <img src="/dashboard/assets/icon.svg" alt="" width="48" height="48" />
        <h1>Log in to clusters</h1>
        {isOver && problem === undefined ? (
          <Notice kind="info">Your session is over. Log in again to go on.</Notice>
        ) : null}
        {problem === undefined ? null : <Notice kind="danger">{problem.detail}</Notice>}
        <Field
          label="User name"
          name="username"
          autoComplete="username"
          autoFocus
          required
          autoCapitalize="none"
        />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
        <Button kind="primary" type="submit" busy={isBusy}>
          {isBusy ? 'Logging in …' : 'Log in'}
        </Button>
      </form>
    </main>
  )
}
