import { type KeyboardEvent, memo } from 'react'
import type { GeofenceEvent } from '../../../../contract/index.ts'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected } from '../hooks/use-store.ts'
import { absoluteTime, agoText, durationText } from '../live/time-text.ts'
import { Icon } from './icons.tsx'

const SHOWN = 200
const VERBS = { enter: 'entered', exit: 'left', dwell: 'stays in' } as const

/** What crossed which fence, newest first. */
export function AlertList() {
  const { live, selection } = useConsole()
  const { list } = useCalmStore(live.alerts, 200)
  const devices = useCalmStore(live.devices, 2_000)
  const loading = useSelected(live.connection.store, state => state.phase === 'connecting')
  const nowMs = useNow(live.now)

  const show = (event: GeofenceEvent): void => {
    selection.select(event.deviceId)
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
  readonly event: GeofenceEvent
  readonly deviceName: string
  readonly ago: string
  onShow(event: GeofenceEvent): void
}

const sameRow = (a: RowProps, b: RowProps): boolean =>
  a.event === b.event && a.ago === b.ago && a.deviceName === b.deviceName

const AlertRow = memo(function AlertRow({ event, deviceName, ago, onShow }: RowProps) {
  return (
    <li>
      <button className="alert" type="button" data-event={event.event} onClick={() => onShow(event)}>
        <Icon name={event.event} />
        <span className="alert__text">
          <b>{deviceName}</b> {VERBS[event.event]} <b className="alert__fence">{event.fenceName}</b>
        </span>
        <span className="alert__more">
          <time dateTime={new Date(event.timestamp).toISOString()} title={absoluteTime(event.timestamp)}>
            {ago}
          </time>
          {event.initial === true && (
            <span className="tag" title="Its first known position was already inside: it may have entered earlier">
              initial
            </span>
          )}
          {event.late === true && (
            <span className="tag" title="Revealed by positions that arrived late">
              late
            </span>
          )}
          {event.dwellSeconds !== undefined && <span>for {durationText(event.dwellSeconds * 1_000)}</span>}
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
