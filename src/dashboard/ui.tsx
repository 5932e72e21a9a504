import {
  useEffect,
  useId,
  useRef,
  useState,
  type ButtonHTMLAttributes,
  type InputHTMLAttributes,
  type ReactNode,
} from 'react'
import type { ClusterStatus, Problem } from '../client/index.ts'
import { toProblem } from './api.ts'

/** The parts that all pages are made of. */

export function Button({
  kind = 'plain',
  busy = false,
  children,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & {
  kind?: 'plain' | 'primary' | 'danger' | 'quiet'
  busy?: boolean
}) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${kind}`}
      aria-busy={busy}
      disabled={busy || rest.disabled === true}
    >
      {children}
    </button>
  )
}

export function StatusPill({ status }: { status: ClusterStatus }) {
  return <span className={`pill ${status}`}>{status}</span>
}

export function Field({
  label,
  hint,
  error,
  suffix,
  ...input
}: InputHTMLAttributes<HTMLInputElement> & {
  label: string
  hint?: ReactNode
  error?: readonly string[] | undefined
  suffix?: string
}) {
  const id = useId()
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(error === undefined ? [] : [`${id}-error`]),
  ]
  return (
    <div className={error === undefined ? 'field' : 'field faulty'}>
      <label htmlFor={id}>{label}</label>
      <div className="input">
        <input
          id={id}
          {...input}
          aria-invalid={error !== undefined}
          aria-describedby={described.join(' ') || undefined}
        />
        {suffix === undefined ? null : <span className="suffix">{suffix}</span>}
      </div>
      {hint === undefined ? null : (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p className="error" id={`${id}-error`}>
          {label} {error.join('; ')}.
        </p>
      )}
    </div>
  )
}

export function Notice({ kind, children }: { kind: 'info' | 'warning' | 'danger'; children: ReactNode }) {
  return (
    <div className={`notice ${kind}`} role={kind === 'danger' ? 'alert' : 'status'}>
      {children}
    </div>
  )
}

export function ProblemNotice({ error }: { error: unknown }) {
  const problem = toProblem(error)
  return (
    <Notice kind="danger">
      <strong>{problem.title}.</strong> {problem.detail} <RequestId problem={problem} />
    </Notice>
  )
}

function RequestId({ problem }: { problem: Problem }) {
  if (problem.status < 500 || problem.request_id === undefined) return null
  return <small>Request {problem.request_id}: your operator finds it in the log.</small>
}

/** While nothing is known yet: after a moment, so that a quick answer does not flash. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  )
}

/** Its rows become cards on a phone. `actions` names a last column of buttons, for those who do not see it. */
export function Table({
  columns,
  actions,
  className = '',
  children,
}: {
  columns: readonly string[]
  actions?: string
  className?: string
  children: ReactNode
}) {
  return (
    <table className={`${className} cards`.trim()}>
      <thead>
        <tr>
          {columns.map(name => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          {actions === undefined ? null : (
            <th scope="col">
              <span className="hidden">{actions}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

/** `isPage`: there is no other heading. */
export function Empty({
  title,
  isPage = false,
  children,
}: {
  title: string
  isPage?: boolean
  children?: ReactNode
}) {
  return (
    <div className="empty">
      {isPage ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  )
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => {
      setCopied(false)
    }, 1500)
    return () => {
      clearTimeout(timer)
    }
  }, [isCopied])
  return (
    <Button
      kind="quiet"
      aria-label={label}
      onClick={() => {
        void copy(text).then(setCopied)
      }}
    >
      {isCopied ? 'Copied' : 'Copy'}
    </Button>
  )
}

/** The clipboard is there over TLS and on localhost alone. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

/** Asks before what cannot be undone. */
export function Confirm({
  title,
  children,
  action,
  onConfirm,
  onClose,
}: {
  title: string
  children: ReactNode
  action: string
  onConfirm: () => void
  onClose: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      <div className="words">{children}</div>
      <div className="actions">
        <Button onClick={() => dialog.current?.close()}>Keep it</Button>
        <Button
          kind="danger"
          onClick={() => {
            onConfirm()
            dialog.current?.close()
          }}
        >
          {action}
        </Button>
      </div>
    </dialog>
  )
}

/** How much of a quota is in use; nothing is drawn without one. */
export function Meter({
  label,
  used,
  more = 0,
  allowed,
  unit,
}: {
  label: string
  used: number
  more?: number
  allowed: number | null
  unit: string
}) {
  const after = used + more
  const isOver = allowed !== null && after > allowed
  return (
    <div className={isOver ? 'meter over' : 'meter'}>
      <div className="meter-words">
        <span>{label}</span>
        <span>
          {more > 0 ? `${formatShort(used)} + ${formatShort(more)}` : formatShort(used)}
          {allowed === null ? ` ${unit}` : ` of ${formatShort(allowed)} ${unit}`}
        </span>
      </div>
      {allowed === null ? null : (
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width="100" height="4" className="track" />
          <rect width={widthOf(after, allowed)} height="4" className="more" />
          <rect width={widthOf(used, allowed)} height="4" className="used" />
        </svg>
      )}
    </div>
  )
}

function widthOf(amount: number, allowed: number): number {
  if (allowed === 0) return amount > 0 ? 100 : 0
  return Math.min(100, (amount / allowed) * 100)
}

function formatShort(amount: number): string {
  return (Math.round(amount * 100) / 100).toLocaleString()
}
