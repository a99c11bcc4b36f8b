import { type KeyboardEvent, memo } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected } from '../hooks/use-store.ts'
import { type AlertEvent, isOfFence } from '../live/alerts.ts'
import { absoluteTime, agoText, durationText } from '../live/time-text.ts'
import { alertIcon, alertTags, alertText } from './alert-text.ts'
import { Icon } from './icons.tsx'

const SHOWN = 200

/** What crossed which fence, and what the rules say of devices, newest first. */
export function AlertList() {
  const { live, selection } = useConsole()
  const { list, retracted } = useCalmStore(live.alerts, 200)
  const devices = useCalmStore(live.devices, 2_000)
  const loading = useSelected(live.connection.store, state => state.phase === 'connecting')
  const nowMs = useNow(live.now)

  const show = (event: AlertEvent): void => {
    selection.select(event.deviceId)
    if (event.location === undefined) return
    selection.flyTo({ position: [event.location.lng, event.location.lat], ping: true })
  }

  return (
    <section className="panel alerts" aria-label="Alerts">
      <header className="panel__title">
        <h2>Alerts</h2>
        {list.length > 0 && <span className="count">{list.length}</span>}
      </header>
      {list.length === 0 ? (
        <p className="panel__empty">
          {loading ? 'Loading…' : 'No fence has been crossed yet. Crossings appear here as they happen.'}
        </p>
      ) : (
        <ol className="list" onKeyDown={moveFocus}>
          {list.slice(0, SHOWN).map(event => (
            <AlertRow
              key={event.id}
              event={event}
              retracted={retracted.has(event.id)}
              deviceName={devices.get(event.deviceId)?.name ?? event.deviceId}
              ago={agoText(nowMs - event.timestamp)}
              onShow={show}
            />
          ))}
        </ol>
      )}
    </section>
  )
}

interface RowProps {
  readonly event: AlertEvent
  readonly retracted: boolean
  readonly deviceName: string
  readonly ago: string
  onShow(event: AlertEvent): void
}

const sameRow = (a: RowProps, b: RowProps): boolean =>
  a.event === b.event && a.retracted === b.retracted && a.ago === b.ago && a.deviceName === b.deviceName

const AlertRow = memo(function AlertRow({ event, retracted, deviceName, ago, onShow }: RowProps) {
  const { verb, about } = alertText(event)
  return (
    <li>
      <button
        className="alert"
        type="button"
        data-event={event.event}
        data-retracted={retracted || undefined}
        onClick={() => onShow(event)}
      >
        <Icon name={alertIcon(event)} />
        <span className="alert__text">
          <b>{deviceName}</b> {verb} <b className="alert__fence">{about}</b>
        </span>
        <span className="alert__more">
          <time dateTime={new Date(event.timestamp).toISOString()} title={absoluteTime(event.timestamp)}>
            {ago}
          </time>
          {alertTags(event, retracted).map(({ word, title }) => (
            <span key={word} className="tag" title={title}>
              {word}
            </span>
          ))}
          {isOfFence(event) && event.dwellSeconds !== undefined && (
            <span>for {durationText(event.dwellSeconds * 1_000)}</span>
          )}
        </span>
      </button>
    </li>
  )
}, sameRow)

/** Arrow keys walk through the rows. */
function moveFocus(event: KeyboardEvent<HTMLOListElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const buttons = [...event.currentTarget.querySelectorAll('button')]
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
  const next = buttons[at + (event.key === 'ArrowDown' ? 1 : -1)]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}
