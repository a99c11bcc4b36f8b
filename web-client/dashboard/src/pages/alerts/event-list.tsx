import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { useSelected, useStore } from '../../hooks/use-store.ts'
import { type AlertEvent, isOfFence } from '../../live/alerts.ts'
import { absoluteTime } from '../../live/time-text.ts'
import { alertIcon, alertTags, alertText } from '../../panels/alert-text.ts'
import { Icon } from '../../panels/icons.tsx'
import { DeviceSuggestions } from '../parts/device-suggestions.tsx'
import { CheckField, SelectField, TextField } from '../parts/field.tsx'
import { ListState } from '../parts/list-state.tsx'
import { TimeField } from '../parts/time-field.tsx'
import { queryOf, useList } from '../parts/use-list.ts'
import { href } from '../path.ts'
import { choicesOf, EVENT_TEXTS } from './kind-texts.ts'

const EVENTS = choicesOf(EVENT_TEXTS)

/** Everything that fences and rules announced, newest first. */
export function EventList() {
  const { live } = useConsole()
  const fences = useStore(live.fences)
  const retracted = useSelected(live.alerts, state => state.retracted)
  const [deviceId, setDeviceId] = useState<string>()
  const [fenceId, setFenceId] = useState('')
  const [event, setEvent] = useState<keyof typeof EVENT_TEXTS | ''>('')
  const [from, setFrom] = useState<number>()
  const [to, setTo] = useState<number>()
  const [standing, setStanding] = useState(false)
  const query = queryOf({ deviceId, fenceId, event, from, to, standing: standing ? 'true' : undefined })
  const list = useList<AlertEvent>(`/alerts${query}`)
  return (
    <>
      <form className="box box__body" onSubmit={event => event.preventDefault()} aria-label="Filters">
        <div className="filter-form">
          <TextField label="Device" value={deviceId} list="alert-devices" onChange={setDeviceId} />
          <DeviceSuggestions id="alert-devices" />
          <SelectField
            label="Fence"
            value={fenceId}
            options={[
              ['', 'Any'] as const,
              ...[...fences.values()].map(({ id, properties }) => [id, properties.name ?? id] as const),
            ]}
            onChange={setFenceId}
          />
          <SelectField label="Event" value={event} options={EVENTS} onChange={setEvent} />
          <TimeField label="From" value={from} onChange={setFrom} />
          <TimeField label="To" value={to} onChange={setTo} />
          <CheckField label="Only what stands" checked={standing} onChange={setStanding} />
        </div>
      </form>
      <div className="box">
        <ul className="event-rows" aria-label="Events">
          {list.items?.map(alert => {
            const { verb, about } = alertText(alert)
            return (
              <li key={alert.id} className="event-row" data-retracted={retracted.has(alert.id) || undefined}>
                <span className="event-row__icon" data-event={isOfFence(alert) ? alert.event : 'device'}>
                  <Icon name={alertIcon(alert)} />
                </span>
                <span className="event-row__what">
                  <a href={href('/devices/:deviceId', { deviceId: alert.deviceId })}>{alert.deviceId}</a> {verb}{' '}
                  <strong>{about}</strong>
                  {alertTags(alert, retracted.has(alert.id)).map(({ word, title }) => (
                    <span key={word} className="tag" title={title}>
                      {word}
                    </span>
                  ))}
                </span>
                <time className="muted">{absoluteTime(alert.timestamp)}</time>
              </li>
            )
          })}
        </ul>
        <ListState
          list={list}
          empty={query === '' ? 'Nothing was announced yet.' : 'Nothing fits these filters. Take one away to see more.'}
        />
      </div>
    </>
  )
}
