import { useState, type SubmitEvent, type ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import type { Me, NewCluster, Offer, Problem } from '../../client/index.ts'
import { client, useData } from '../api.ts'
import { Button, Field, Loading, Meter, Notice, ProblemNotice } from '../ui.tsx'
import { formatAmount, plural } from '../words.ts'
import { findFaults, splitWords, type Draft } from './draft.ts'

const FIRST: Draft = {
  name: '',
  runtime: 'idle',
  workers: '1',
  cpus: '1',
  memory: '1',
  command: '',
  lifetimeHours: '',
  idleMinutes: '',
}

export function CreatePage({ me }: { me: Me }) {
  const offer = useData(['offer'], () => client.getOffer())
  return (
    <>
      <div className="title">
        <h1>New cluster</h1>
      </div>
      {offer.error === null ? null : <ProblemNotice error={offer.error} />}
      {offer.data === undefined ? <Loading rows={4} /> : <CreateForm offer={offer.data} me={me} />}
    </>
  )
}

function CreateForm({ offer, me }: { offer: Offer; me: Me }) {
  const [draft, setDraft] = useState(FIRST)
  const [isTried, setTried] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const [, goTo] = useLocation()
  const runtime = offer.runtimes.find(({ name }) => name === draft.runtime)
  const faults = findFaults(draft, offer)
  const errors = { ...(isTried ? faults : {}), ...problem?.errors }
  const change = (fields: Partial<Draft>) => {
    setDraft({ ...draft, ...fields })
    setProblem(undefined)
  }
  const bind: Bind = field => ({
    value: draft[field],
    onChange: event => {
      change({ [field]: event.target.value })
    },
  })
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setTried(true)
    if (Object.keys(faults).length > 0 || runtime?.available !== true) return
    setBusy(true)
    void client
      .createCluster(toRequest(draft, offer), {
        idempotencyKey: crypto.getRandomValues(new Uint32Array(4)).join('-'),
      })
      .then(result => {
        setBusy(false)
        if (result.ok) goTo(`/clusters/${result.data.id}`)
        else setProblem(result.problem)
      })
  }
  return (
    <form className="create" onSubmit={submit} noValidate>
      <div className="panel">
        <RuntimeChoice
          offer={offer}
          chosen={draft.runtime}
          onChoose={name => {
            change({ runtime: name })
          }}
        />
        {runtime?.takes_command === true ? (
          <Field
            label="Command"
            {...bind('command')}
            placeholder="python3 train.py --epochs 3"
            hint="Runs on every worker, without a shell. Quotes keep spaces in a word; CLUSTER_INDEX tells a worker which it is."
            error={errors['command']}
            spellCheck={false}
            autoCapitalize="none"
          />
        ) : null}
        <Field
          label="Name"
          {...bind('name')}
          placeholder="chosen for you"
          hint="Letters, digits, dots, dashes and underscores."
          error={errors['name']}
          spellCheck={false}
        />
        <SizeFields {...{ bind, offer, errors }} />
        <TimeFields {...{ bind, errors }} canTellIdleness={runtime?.can_tell_idleness === true} />
      </div>
      <Summary draft={draft} me={me} offer={offer}>
        {runtime?.available === false ? (
          <Notice kind="warning">
            {runtime.name} cannot run here yet: beside it stands what it needs. A new setting is read when the
            server is started again; what runs goes on meanwhile.
          </Notice>
        ) : null}
        {problem === undefined ? null : <Notice kind="danger">{problem.detail}</Notice>}
        <Button kind="primary" type="submit" busy={isBusy} disabled={runtime?.available !== true}>
          {isBusy ? 'Creating …' : 'Create cluster'}
        </Button>
        <Link href="/">Cancel</Link>
      </Summary>
    </form>
  )
}

function RuntimeChoice({
  offer,
  chosen,
  onChoose,
}: {
  offer: Offer
  chosen: string
  onChoose: (name: string) => void
}) {
  return (
    <fieldset className="runtimes">
      <legend>What it runs</legend>
      {offer.runtimes.map(({ name, description, available, message }) => (
        <label key={name} className={available ? 'choice' : 'choice missing'}>
          <input
            type="radio"
            name="runtime"
            value={name}
            checked={chosen === name}
            onChange={() => {
              onChoose(name)
            }}
          />
          <span>
            <strong>{name}</strong>
            <span>{available ? description : message}</span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}

type Bind = (field: keyof Draft) => {
  value: string
  onChange: (event: { target: { value: string } }) => void
}
type Errors = Readonly<Record<string, readonly string[] | undefined>>

function SizeFields({ bind, offer, errors }: { bind: Bind; offer: Offer; errors: Errors }) {
  return (
    <div className="row">
      <Field label="Workers" {...bind('workers')} inputMode="numeric" error={errors['workers']} />
      <Field
        label="CPUs"
        {...bind('cpus')}
        inputMode="decimal"
        suffix="each"
        hint={`up to ${offer.largest_worker.cpus}`}
        error={errors['cpus']}
      />
      <Field
        label="Memory"
        {...bind('memory')}
        inputMode="decimal"
        suffix="GiB each"
        hint={`up to ${offer.largest_worker.memory}`}
        error={errors['memory']}
      />
    </div>
  )
}

function TimeFields({
  bind,
  errors,
  canTellIdleness,
}: {
  bind: Bind
  errors: Errors
  canTellIdleness: boolean
}) {
  return (
    <div className="row">
      <Field
        label="Lifetime"
        {...bind('lifetimeHours')}
        inputMode="decimal"
        suffix="hours"
        placeholder="until you stop it"
        error={errors['lifetime_seconds']}
      />
      {canTellIdleness ? (
        <Field
          label="Idle timeout"
          {...bind('idleMinutes')}
          inputMode="decimal"
          suffix="minutes"
          placeholder="never"
          error={errors['idle_timeout_seconds']}
        />
      ) : null}
    </div>
  )
}

/** What it will use of the quota. */
function Summary({
  draft,
  me,
  offer,
  children,
}: {
  draft: Draft
  me: Me
  offer: Offer
  children: ReactNode
}) {
  const amounts = [draft.workers, draft.cpus, draft.memory].map(Number)
  const [workers = 0, cpus = 0, memory = 0] = amounts.map(amount => (Number.isFinite(amount) ? amount : 0))
  const { used, quota } = me
  return (
    <aside className="panel summary" aria-label="What it will use">
      <h2>What it will use</h2>
      <p>
        {plural(workers, 'worker')} with {plural(cpus, 'CPU')} and {formatAmount(memory)} GiB each
      </p>
      <Meter label="Clusters" used={used.clusters} more={1} allowed={quota.clusters} unit="" />
      <Meter label="CPUs" used={used.cpus} more={workers * cpus} allowed={quota.cpus} unit="CPUs" />
      <Meter
        label="Memory"
        used={used.memory_gib}
        more={workers * memory}
        allowed={quota.memory_gib}
        unit="GiB"
      />
      {offer.enforced !== null && !offer.enforced.memory ? (
        <p className="hint">Nothing holds the workers to their memory on this server.</p>
      ) : null}
      {children}
    </aside>
  )
}

function toRequest(draft: Draft, offer: Offer): NewCluster {
  const runtime = offer.runtimes.find(({ name }) => name === draft.runtime)
  return {
    cpus: Number(draft.cpus),
    memory: Number(draft.memory),
    workers: Number(draft.workers),
    runtime: draft.runtime,
    ...(draft.name.trim() === '' ? {} : { name: draft.name.trim() }),
    ...(runtime?.takes_command === true ? { command: splitWords(draft.command) } : {}),
    ...(draft.lifetimeHours.trim() === ''
      ? {}
      : { lifetime_seconds: Math.round(Number(draft.lifetimeHours) * 3600) }),
    ...(draft.idleMinutes.trim() === '' || runtime?.can_tell_idleness !== true
      ? {}
      : { idle_timeout_seconds: Math.round(Number(draft.idleMinutes) * 60) }),
  }
}
