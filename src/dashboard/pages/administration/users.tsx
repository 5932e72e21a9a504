import { useState } from 'react'
import type { AdministeredUser } from '../../../client/administration.ts'
import type { Me } from '../../../client/index.ts'
import { client, useData } from '../../api.ts'
import { Button, Confirm, Loading, ProblemNotice, Table } from '../../ui.tsx'
import { formatAmount } from '../../words.ts'
import { REFETCH_MS, type Act } from './act.ts'
import { QuotaForm } from './quota-form.tsx'

export function UsersSection({ me, act }: { me: Me; act: Act }) {
  const users = useData(['admin', 'users'], () => client.admin.listUsers({ limit: 500 }), {
    refetchMs: REFETCH_MS,
  })
  const [disabling, setDisabling] = useState<AdministeredUser>()
  const [limiting, setLimiting] = useState<number>()
  return (
    <section aria-labelledby="users">
      <h2 id="users">Users</h2>
      {users.error === null ? null : <ProblemNotice error={users.error} />}
      {users.data === undefined ? (
        <Loading />
      ) : (
        <Table columns={['User', 'Clusters', 'CPUs', 'Memory']} actions="Change">
          {users.data.map(user => (
            <UserRow
              key={user.id}
              user={user}
              isMe={user.id === me.id}
              act={act}
              onLimit={() => {
                setLimiting(user.id)
              }}
              onDisable={() => {
                setDisabling(user)
              }}
            />
          ))}
        </Table>
      )}
      {users.data
        ?.filter(({ id }) => id === limiting)
        .map(user => (
          <QuotaForm
            key={user.id}
            user={user}
            onClose={() => {
              setLimiting(undefined)
            }}
            onSet={quota => {
              act(client.admin.setQuota(user.id, quota))
              setLimiting(undefined)
            }}
          />
        ))}
      {disabling === undefined ? null : (
        <Confirm
          title={`Disable ${disabling.username}?`}
          action="Disable"
          onConfirm={() => {
            act(client.admin.disableUser(disabling.id))
          }}
          onClose={() => {
            setDisabling(undefined)
          }}
        >
          No login any more, and every token is dead at once. Their clusters go on: stop those that should
          not.
        </Confirm>
      )}
    </section>
  )
}

function UserRow({
  user,
  isMe,
  act,
  onLimit,
  onDisable,
}: {
  user: AdministeredUser
  isMe: boolean
  act: Act
  onLimit: () => void
  onDisable: () => void
}) {
  return (
    <tr>
      <th scope="row">
        {user.username} {user.is_administrator ? <small>administrator</small> : null}
        {user.disabled_at === null ? null : <small className="why">disabled</small>}
      </th>
      <td data-label="Clusters">{ofQuota(user.used.clusters, user.quota.clusters)}</td>
      <td data-label="CPUs">{ofQuota(user.used.cpus, user.quota.cpus)}</td>
      <td data-label="Memory">{ofQuota(user.used.memory_gib, user.quota.memory_gib)} GiB</td>
      <td className="end">
        <Button kind="quiet" aria-label={`Quota of ${user.username}`} onClick={onLimit}>
          Quota
        </Button>
        {user.disabled_at === null ? (
          <Button kind="quiet" aria-label={`Disable ${user.username}`} disabled={isMe} onClick={onDisable}>
            Disable
          </Button>
        ) : (
          <Button
            kind="quiet"
            aria-label={`Enable ${user.username}`}
            onClick={() => {
              act(client.admin.enableUser(user.id))
            }}
          >
            Enable
          </Button>
        )}
      </td>
    </tr>
  )
}

function ofQuota(used: number, allowed: number | null): string {
  return allowed === null ? formatAmount(used) : `${formatAmount(used)} of ${formatAmount(allowed)}`
}
