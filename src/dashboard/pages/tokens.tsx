import { useQueryClient } from '@tanstack/react-query'
import { useState, type SubmitEvent } from 'react'
import type { IssuedToken, Problem } from '../../client/index.ts'
import { client, useData } from '../api.ts'
import { readText } from '../form.ts'
import { formatMoment } from '../time.ts'
import { Button, Confirm, CopyButton, Field, Loading, Notice, ProblemNotice, Table } from '../ui.tsx'

const DAY_MS = 86_400_000

export function TokensPage() {
  const cache = useQueryClient()
  const tokens = useData(['tokens'], () => client.listTokens())
  const [issued, setIssued] = useState<IssuedToken>()
  const [revoking, setRevoking] = useState<{ id: number; name: string }>()
  const [problem, setProblem] = useState<Problem>()
  const reload = () => void cache.invalidateQueries({ queryKey: ['tokens'] })
  return (
    <>
      <div className="title">
        <h1>Tokens</h1>
      </div>
      <p className="lead">
        A token lets a script or the command <code>clusters</code> act as you. Each can be revoked by itself.
      </p>
      <CreateToken
        onCreated={token => {
          setIssued(token)
          reload()
        }}
      />
      {issued === undefined ? null : (
        <Notice kind="info">
          <p>
            This is the token <strong>{issued.name}</strong>. It is shown this once:
          </p>
          <p className="secret">
            <code>{issued.token}</code>
            <CopyButton text={issued.token} label="Copy the token" />
          </p>
        </Notice>
      )}
      {tokens.error === null ? null : <ProblemNotice error={tokens.error} />}
      {problem === undefined ? null : <ProblemNotice error={problem} />}
      {tokens.data === undefined ? (
        <Loading />
      ) : (
        <Table columns={['Name', 'Created', 'Expires', 'Last used']} actions="Revoke">
          {tokens.data.items.map(({ id, name, created_at, expires_at, last_used_at, current }) => (
            <tr key={id}>
              <th scope="row">
                {name} {current ? <small>this session</small> : null}
              </th>
              <td data-label="Created">{formatMoment(created_at)}</td>
              <td data-label="Expires">{expires_at === null ? 'never' : formatMoment(expires_at)}</td>
              <td data-label="Last used">{last_used_at === null ? 'never' : formatMoment(last_used_at)}</td>
              <td className="end">
                {current ? null : (
                  <Button
                    kind="quiet"
                    aria-label={`Revoke ${name}`}
                    onClick={() => {
                      setRevoking({ id, name })
                    }}
                  >
                    Revoke
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {revoking === undefined ? null : (
        <Confirm
          title={`Revoke ${revoking.name}?`}
          action="Revoke it"
          onConfirm={() => {
            void client.deleteToken(revoking.id).then(result => {
              setProblem(result.ok ? undefined : result.problem)
              reload()
            })
          }}
          onClose={() => {
            setRevoking(undefined)
          }}
        >
          Whatever uses it is refused from now on.
        </Confirm>
      )}
    </>
  )
}

function CreateToken({ onCreated }: { onCreated: (token: IssuedToken) => void }) {
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const fields = new FormData(form)
    const days = Number(readText(fields, 'days'))
    const expiresAt = days > 0 ? new Date(Date.now() + days * DAY_MS).toISOString() : null
    setBusy(true)
    void client.createToken(readText(fields, 'name'), expiresAt).then(result => {
      setBusy(false)
      setProblem(result.ok ? undefined : result.problem)
      if (!result.ok) return
      form.reset()
      onCreated(result.data)
    })
  }
  return (
    <form className="panel inline" onSubmit={submit}>
      <Field label="Name" name="name" required placeholder="nightly job" error={problem?.errors?.['name']} />
      <Field
        label="Expires after"
        name="days"
        type="number"
        min="1"
        max="3650"
        suffix="days"
        placeholder="never"
        error={problem?.errors?.['expires_at']}
      />
      <Button kind="primary" type="submit" busy={isBusy}>
        Create token
      </Button>
      {problem !== undefined && problem.errors === undefined ? (
        <Notice kind="danger">{problem.detail}</Notice>
      ) : null}
    </form>
  )
}
