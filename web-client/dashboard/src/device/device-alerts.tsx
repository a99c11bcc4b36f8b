import { useCallback, useMemo, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useAnswer } from '../hooks/use-answer.ts'
import { useCalmStore } from '../hooks/use-store.ts'
import { type AlertEvent, addAlerts, isOfFence, NO_ALERTS } from '../live/alerts.ts'
import { fetchAlertsOf } from '../live/device-answers.ts'
import { absoluteTime, clockTime } from '../live/time-text.ts'
import { alertIcon, alertTags, alertText } from '../panels/alert-text.ts'
import { Icon } from '../panels/icons.tsx'
import { Explain } from './explain.tsx'
import type { TimeWindow } from './use-track.ts'

interface Props {
  readonly deviceId: string
  readonly window: TimeWindow
  /** Goes to a moment of the track. */
  onShow(timeMs: number): void
}

/** What fences and rules said of the device in this time, and of each why. */
export function DeviceAlerts({ deviceId, window, onShow }: Props) {
  const { live } = useConsole()
  const { fromMs, toMs } = window
  const ask = useCallback(() => fetchAlertsOf(live, deviceId, fromMs, toMs), [live, deviceId, fromMs, toMs])
  const { value, fault, loading } = useAnswer(ask)
  const current = useCalmStore(live.alerts, 500)
  const { list, retracted } = useMemo(() => {
    const since = window.live
      ? current.list.filter(event => event.deviceId === deviceId && event.timestamp >= fromMs)
      : []
    const all = addAlerts(addAlerts(NO_ALERTS, value ?? []), since)
    return { list: all.list, retracted: new Set([...all.retracted, ...current.retracted]) }
  }, [value, current, window.live, deviceId, fromMs])
  const [explainedId, setExplainedId] = useState<string | null>(null)

  return (
    <section className="panel box" aria-label="Alerts of the device">
      <header className="panel__title">
        <h3>Alerts</h3>
        {list.length > 0 && <span className="count">{list.length}</span>}
      </header>
      {list.length === 0 ? (
        <p className="panel__empty">{fault ?? (loading ? 'Loading…' : 'Nothing was announced of it in this time.')}</p>
      ) : (
        <ol className="box__list">
          {list.map(event => (
            <AlertItem
              key={event.id}
              event={event}
              retracted={retracted.has(event.id)}
              explained={event.id === explainedId}
              onShow={onShow}
              onExplain={() => setExplainedId(id => (id === event.id ? null : event.id))}
            />
          ))}
        </ol>
      )}
    </section>
  )
}

interface ItemProps {
  readonly event: AlertEvent
  readonly retracted: boolean
  readonly explained: boolean
  onShow(timeMs: number): void
  onExplain(): void
}

function AlertItem({ event, retracted, explained, onShow, onExplain }: ItemProps) {
  const { verb, about } = alertText(event)
  return (
    <li>
      <div className="device-alert" data-event={event.event} data-retracted={retracted || undefined}>
        <Icon name={alertIcon(event)} />
        <button className="device-alert__what" type="button" onClick={() => onShow(event.timestamp)}>
          {isOfFence(event) || about !== '' ? (
            <>
              {capital(verb)} <b>{about}</b>
            </>
          ) : (
            <b>{capital(verb)}</b>
          )}
          <small>
            <time dateTime={new Date(event.timestamp).toISOString()} title={absoluteTime(event.timestamp)}>
              {clockTime(event.timestamp)}
            </time>
            {alertTags(event, retracted).map(({ word, title }) => (
              <span key={word} className="tag" title={title}>
                {word}
              </span>
            ))}
          </small>
        </button>
        <button className="button button--small" type="button" aria-expanded={explained} onClick={onExplain}>
          Why?
        </button>
      </div>
      {explained && <Explain event={event} />}
    </li>
  )
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
