import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { ApiError } from '../../live/api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { CheckField, Field } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'

interface LineError {
  readonly line: number
  readonly column: string
  readonly message: string
}

interface Imported {
  readonly created: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
  readonly errors: readonly LineError[]
  readonly tokens?: readonly { readonly id: string; readonly token: string }[]
}

const EXAMPLE = 'id,name,groups\ntruck-7,Truck 7,trucks;north\nvan-1,Van 1,vans'

/** Devices from a CSV file: first what it would do, then it is done. */
export function DeviceImport({ onClose, onImported }: { onClose(): void; onImported(): void }) {
  const { live } = useConsole()
  const [text, setText] = useState('')
  const [partial, setPartial] = useState(false)
  const [tokens, setTokens] = useState(false)
  /** What the file as it is now would do. */
  const [plan, setPlan] = useState<Imported | null>(null)
  const [done, setDone] = useState<Imported | null>(null)
  const task = useTask()
  const errors = task.error instanceof ApiError ? (task.error.problem.errors as LineError[] | undefined) : undefined

  const send = (dryRun: boolean): Promise<boolean> =>
    task.run(async () => {
      const query = `?dryRun=${dryRun}&partial=${partial}&tokens=${tokens && !dryRun}`
      const outcome = await live.request<Imported>(`/devices/import${query}`, { method: 'POST', csv: text })
      if (dryRun) return setPlan(outcome)
      setDone(outcome)
      onImported()
    })
  const change = (next: string): void => {
    setText(next)
    setPlan(null)
    task.clear()
  }

  if (done !== null) {
    return (
      <Dialog title="Devices are imported" onClose={onClose}>
        <Outcome outcome={done} would={false} />
        {done.tokens !== undefined && done.tokens.length > 0 && (
          <p>
            <a
              className="button"
              download="device-tokens.csv"
              href={`data:text/csv,${encodeURIComponent(['id,token', ...done.tokens.map(({ id, token }) => `${id},${token}`)].join('\r\n'))}`}
            >
              Save the {done.tokens.length} tokens
            </a>{' '}
            <span className="muted">They are shown this once.</span>
          </p>
        )}
        <div className="dialog__actions">
          <button className="button button--primary" type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title="Import devices" onClose={onClose} wide>
      <Field label="CSV file">
        {bound => (
          <input
            {...bound}
            type="file"
            accept=".csv,text/csv"
            onChange={async event => {
              const file = event.target.files?.[0]
              if (file !== undefined) change(await file.text())
            }}
          />
        )}
      </Field>
      <Field label="Or as text" hint="The first line names the columns; groups are parted by ;">
        {bound => (
          <textarea
            {...bound}
            rows={6}
            value={text}
            placeholder={EXAMPLE}
            spellCheck={false}
            onChange={event => change(event.target.value)}
          />
        )}
      </Field>
      <div className="checks">
        <CheckField
          label="Leave wrong lines out"
          checked={partial}
          onChange={checked => {
            setPartial(checked)
            setPlan(null)
          }}
        />
        <CheckField label="Make a token for each new device" checked={tokens} onChange={setTokens} />
      </div>
      {plan !== null && <Outcome outcome={plan} would />}
      {task.error !== null && (errors === undefined ? <Failure error={task.error} /> : <LineErrors errors={errors} />)}
      <div className="dialog__actions">
        <button className="button" type="button" disabled={text === '' || task.busy} onClick={() => send(true)}>
          What would it do?
        </button>
        <button
          className="button button--primary"
          type="button"
          disabled={plan === null || task.busy}
          onClick={() => send(false)}
        >
          Import
        </button>
      </div>
    </Dialog>
  )
}

function Outcome({ outcome, would }: { readonly outcome: Imported; readonly would: boolean }) {
  const { created, updated, unchanged, errors } = outcome
  return (
    <div role="status">
      <p>
        <strong>{created.length}</strong> {would ? 'would be new' : 'are new'}, <strong>{updated.length}</strong>{' '}
        changed, <strong>{unchanged.length}</strong> as they were.
      </p>
      {errors.length > 0 && <LineErrors errors={errors} />}
    </div>
  )
}

function LineErrors({ errors }: { readonly errors: readonly LineError[] }) {
  return (
    <div className="failure" role="alert">
      <ul>
        {errors.slice(0, 20).map(({ line, column, message }) => (
          <li key={`${line}/${column}`}>
            Line {line}
            {column !== '' && `, ${column}`}: {message}
          </li>
        ))}
        {errors.length > 20 && <li>and {errors.length - 20} more</li>}
      </ul>
    </div>
  )
}
