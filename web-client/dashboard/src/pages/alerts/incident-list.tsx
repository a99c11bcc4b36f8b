import { useEffect, useState } from 'react'
import type { Incident } from '../../../../../contract/index.ts'
import { useConsole } from '../../hooks/live-context.ts'
import { useNow } from '../../hooks/use-now.ts'
import { mayAnswerSos } from '../../live/session.ts'
import { absoluteTime, durationText } from '../../live/time-text.ts'
import { DeviceSuggestions } from '../parts/device-suggestions.tsx'
import { SelectField, TextField } from '../parts/field.tsx'
import { Failure, ListState } from '../parts/list-state.tsx'
import { queryOf, useList } from '../parts/use-list.ts'
import { useTask } from '../parts/use-task.ts'
import { href } from '../path.ts'
import { choicesOf, INCIDENT_TEXTS } from './kind-texts.ts'

const STATES = [
  ['open', 'Open'],
  ['acknowledged', 'Acknowledged'],
  ['closed', 'Closed'],
  ['all', 'All'],
] as const
const KINDS = choicesOf(INCIDENT_TEXTS)
/** New alerts make the list new, but a flood of them not more often than this. */
const CALM_MS = 2_000

/** Alerts that last, with the answers of those who look after them. */
export function IncidentList() {
  const { live } = useConsole()
  const nowMs = useNow(live.now)
  const [state, setState] = useState<(typeof STATES)[number][0]>('open')
  const [kind, setKind] = useState<Incident['kind'] | ''>('')
  const [deviceId, setDeviceId] = useState<string>()
  const list = useList<Incident>(`/incidents${queryOf({ state, kind, deviceId })}`)
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set())
  const task = useTask()
  const mayAnswer = mayAnswerSos(live.session)
  const { reload, items } = list

  useEffect(() => {
    // Whatever was announced may have begun or ended one.
    let timer: ReturnType<typeof setTimeout> | undefined
    const later = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined
        reload()
      }, CALM_MS)
    }
    const unsubscribe = live.alerts.subscribe(later)
    return () => {
      unsubscribe()
      clearTimeout(timer)
    }
  }, [live.alerts, reload])

  const shownIds = items?.map(({ incidentId }) => incidentId) ?? []
  const chosen = shownIds.filter(id => marked.has(id))
  const answer = (incident: Incident, action: 'acknowledge' | 'close'): Promise<boolean> =>
    task.run(async () => {
      const path = `/incidents/${encodeURIComponent(incident.incidentId)}/${action}`
      const answered = await live.request<Incident>(path, { method: 'POST', body: {} })
      const stays = state === 'all' || answered.state === state || (state === 'open' && answered.state !== 'closed')
      list.replace(({ incidentId }) => incidentId === answered.incidentId, stays ? answered : null)
    })
  const acknowledgeMarked = (): Promise<boolean> =>
    task.run(async () => {
      const { refused } = await live.request<{ refused: readonly { readonly message: string }[] }>(
        '/incidents/acknowledge',
        { method: 'POST', body: { ids: chosen } },
      )
      setMarked(new Set())
      reload()
      if (refused.length > 0) throw new Error(`${refused.length} were not acknowledged: ${refused[0]!.message}`)
    })

  return (
    <>
      <form className="box box__body" onSubmit={event => event.preventDefault()} aria-label="Filters">
        <div className="filter-form">
          <SelectField label="State" value={state} options={STATES} onChange={setState} />
          <SelectField label="Kind" value={kind} options={KINDS} onChange={setKind} />
          <TextField label="Device" value={deviceId} list="incident-devices" onChange={setDeviceId} />
          <DeviceSuggestions id="incident-devices" />
          {mayAnswer && (
            <button
              className="button"
              type="button"
              disabled={chosen.length === 0 || task.busy}
              onClick={acknowledgeMarked}
            >
              Acknowledge {chosen.length > 0 ? chosen.length : 'marked'}
            </button>
          )}
        </div>
      </form>
      {task.error !== null && <Failure error={task.error} />}
      <div className="box">
        <ul className="event-rows" aria-label="Incidents">
          {items?.map(incident => (
            <li key={incident.incidentId} className="event-row incident" data-state={incident.state}>
              {mayAnswer && (
                <input
                  type="checkbox"
                  aria-label={`Mark: ${incident.text}`}
                  disabled={incident.state !== 'open'}
                  checked={marked.has(incident.incidentId)}
                  onChange={event => setMarked(withMark(marked, incident.incidentId, event.target.checked))}
                />
              )}
              <span className="event-row__what">
                <strong>{incident.text}</strong>
                {incident.severity !== undefined && (
                  <span className="tag" data-tone="warn">
                    {incident.severity}
                  </span>
                )}
                {incident.count > 1 && <span className="tag">{incident.count} times</span>}
                <span className="incident__more">
                  {incident.deviceId !== undefined && (
                    <a href={href('/devices/:deviceId', { deviceId: incident.deviceId })}>{incident.deviceId}</a>
                  )}{' '}
                  since {absoluteTime(incident.openedAt)} · {stateText(incident, nowMs)}
                </span>
              </span>
              {mayAnswer && incident.state !== 'closed' && (
                <span className="incident__actions">
                  {incident.state === 'open' && (
                    <button
                      className="button button--small"
                      type="button"
                      disabled={task.busy}
                      onClick={() => answer(incident, 'acknowledge')}
                    >
                      Acknowledge
                    </button>
                  )}
                  <button
                    className="button button--small"
                    type="button"
                    disabled={task.busy}
                    onClick={() => answer(incident, 'close')}
                  >
                    Close
                  </button>
                </span>
              )}
            </li>
          ))}
        </ul>
        <ListState
          list={list}
          empty={
            state === 'open' && kind === '' && deviceId === undefined
              ? 'Nothing is open. Fences with a severity and rules of devices give incidents.'
              : 'No incident fits these filters.'
          }
        />
      </div>
    </>
  )
}

function withMark(marked: ReadonlySet<string>, id: string, on: boolean): ReadonlySet<string> {
  const next = new Set(marked)
  if (on) next.add(id)
  else next.delete(id)
  return next
}

function stateText({ state, openedAt, acknowledged, closed }: Incident, nowMs: number): string {
  if (closed !== undefined) {
    return closed.reason === 'by-hand' ? `closed by ${closed.by ?? 'someone'}` : `closed: ${closed.reason}`
  }
  const lasts = `for ${durationText(nowMs - openedAt)}`
  return state === 'acknowledged' ? `${lasts}, acknowledged by ${acknowledged?.by ?? 'someone'}` : `${lasts}, open`
}
