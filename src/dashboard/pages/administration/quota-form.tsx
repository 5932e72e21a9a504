import type { SubmitEvent } from 'react'
import type { AdministeredUser, Quota } from '../../../client/administration.ts'
import { readText } from '../../form.ts'
import { Button, Field } from '../../ui.tsx'

/** An empty field is unlimited. */
export function QuotaForm({
  user,
  onSet,
  onClose,
}: {
  user: AdministeredUser
  onSet: (quota: Quota | null) => void
  onClose: () => void
}) {
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    const read = (name: string) => {
      const text = readText(fields, name).trim()
      return text === '' ? null : Number(text)
    }
    onSet({ clusters: read('clusters'), cpus: read('cpus'), memory_gib: read('memory_gib') })
  }
  return (
    <form className="panel inline" onSubmit={submit} aria-label={`Quota of ${user.username}`}>
      <Field
        label={`Clusters of ${user.username}`}
        name="clusters"
        step="1"
        {...numberOf(user.quota.clusters)}
      />
      <Field label="CPUs" name="cpus" step="any" {...numberOf(user.quota.cpus)} />
      <Field label="Memory" name="memory_gib" step="any" suffix="GiB" {...numberOf(user.quota.memory_gib)} />
      <Button kind="primary" type="submit">
        Set quota
      </Button>
      {user.has_own_quota ? (
        <Button
          onClick={() => {
            onSet(null)
          }}
        >
          As everybody
        </Button>
      ) : null}
      <Button kind="quiet" onClick={onClose}>
        Cancel
      </Button>
    </form>
  )
}

function numberOf(value: number | null) {
  return { defaultValue: value ?? '', placeholder: 'unlimited', type: 'number', min: 0 } as const
}
