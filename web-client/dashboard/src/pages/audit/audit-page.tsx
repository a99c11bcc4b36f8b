import { useState } from 'react'
import { absoluteTime } from '../../live/time-text.ts'
import { PageFrame } from '../page-frame.tsx'
import { TextField } from '../parts/field.tsx'
import { ListState } from '../parts/list-state.tsx'
import { TimeField } from '../parts/time-field.tsx'
import { queryOf, useList } from '../parts/use-list.ts'

interface AuditEntry {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly detail: Readonly<Record<string, unknown>> | null
  readonly address: string | null
}

/** Who changed what, when and from where. */
export default function AuditPage() {
  const [actor, setActor] = useState<string>()
  const [action, setAction] = useState<string>()
  const [target, setTarget] = useState<string>()
  const [from, setFrom] = useState<number>()
  const [to, setTo] = useState<number>()
  const query = queryOf({ actor, action, target, from, to })
  const list = useList<AuditEntry>(`/admin/audit${query}`)
  return (
    <PageFrame title="Audit log">
      <form className="box box__body" onSubmit={event => event.preventDefault()} aria-label="Filters">
        <div className="filter-form">
          <TextField label="Who" value={actor} onChange={setActor} />
          <TextField label="What" value={action} placeholder="e.g. fence or user.create" onChange={setAction} />
          <TextField label="To what" value={target} placeholder="an id" onChange={setTarget} />
          <TimeField label="From" value={from} onChange={setFrom} />
          <TimeField label="To" value={to} onChange={setTo} />
        </div>
      </form>
      <div className="box">
        {list.items !== null && list.items.length > 0 && (
          <table className="table table--cards">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">To what</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map(({ id, at, actor, action, target, detail, address }) => (
                <tr key={id}>
                  <td>{absoluteTime(at)}</td>
                  <td data-label="Who">{actor}</td>
                  <td data-label="What">
                    <code>{action}</code>
                  </td>
                  <td data-label="To what">
                    {target}
                    {detail !== null && Object.keys(detail).length > 0 && (
                      <details>
                        <summary className="muted">Details</summary>
                        <code>{JSON.stringify(detail)}</code>
                      </details>
                    )}
                  </td>
                  <td data-label="From">{address ?? '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <ListState list={list} empty={query === '' ? 'Nothing was done yet.' : 'Nothing fits these filters.'} />
      </div>
    </PageFrame>
  )
}
