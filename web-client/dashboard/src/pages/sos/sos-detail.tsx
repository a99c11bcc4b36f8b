import { useCallback, useEffect, useMemo, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { useAnswer } from '../../hooks/use-answer.ts'
import { useCalmStore, useSelected } from '../../hooks/use-store.ts'
import { useUnits } from '../../hooks/use-units.ts'
import { mayAnswerSos } from '../../live/session.ts'
import type { SosAlert } from '../../live/sos.ts'
import { absoluteTime, agoText, timerText } from '../../live/time-text.ts'
import { SosMarkers } from '../../map/sos-markers.tsx'
import { deviceSpeedText, positionText } from '../../panels/device-text.ts'
import { Icon } from '../../panels/icons.tsx'
import { FitTo, type Sight } from '../parts/fit-to.tsx'
import { FleetMap } from '../parts/fleet-map.tsx'
import { Failure, Loading } from '../parts/list-state.tsx'
import { SosAnswer } from './sos-answer.tsx'
import type { SosAlertView, SosTimelineEntry } from './sos-text.ts'
import { SosTimeline } from './sos-timeline.tsx'
import { type StoredTrail, wayOf } from './sos-trail.ts'
import { SosTrailLayer } from './sos-trail-layer.tsx'

/** What no message tells, like the receipts, is asked for again so often. */
const ASK_AGAIN_MS = 10_000

interface Detail {
  readonly alert: SosAlertView
  readonly timeline: readonly SosTimelineEntry[]
}

interface Props {
  readonly alertId: string
  readonly nowMs: number
  nameOf(deviceId: string): string
  onBack(): void
  onAnswered(): void
}

/** One alert: for how long, where, who said what, and what can be done. */
export function SosDetail({ alertId, nowMs, nameOf, onBack, onAnswered }: Props) {
  const { live } = useConsole()
  const open = useSelected(live.sos, state => state.open.get(alertId))
  const { units } = useUnits()
  const { detail, trail, reload, fault } = useDetail(alertId, open, nowMs)
  const deviceId = open?.deviceId ?? detail?.alert.deviceId ?? null
  const device = useCalmStore(live.devices, 500).get(deviceId ?? '')
  const way = useMemo(() => wayOf(trail, device?.trail ?? []), [trail, device])
  const sight = useFirstSight(alertId, way, open?.location)

  if (deviceId === null) {
    return fault === null ? <Loading /> : <Failure error={fault} onRetry={reload} />
  }
  const alert = detail?.alert
  const closed = open === undefined
  const waits = !closed && open.acknowledged === null
  const openedAt = open?.openedAt ?? alert?.openedAt ?? nowMs
  const message = open?.message ?? alert?.newest?.message
  const name = nameOf(deviceId)
  return (
    <article className="sos-detail" aria-label={`SOS of ${name}`}>
      <header className="sos-detail__head" data-waiting={waits || undefined}>
        <button className="icon-button sos-detail__back" type="button" aria-label="Back to the list" onClick={onBack}>
          <Icon name="back" />
        </button>
        <div className="sos-detail__title">
          <h2>
            {open?.drill || alert?.drill ? 'SOS drill' : 'SOS'} {name}
          </h2>
          <p>
            {closed ? 'Closed' : waits ? 'Nobody has acknowledged yet' : `Acknowledged by ${open.acknowledged?.by}`}
            {!closed && alert != null && alert.dueAt !== null && alert.dueAt > nowMs && (
              <> · next step in {timerText(alert.dueAt - nowMs)}</>
            )}
          </p>
        </div>
        <time className="sos-detail__timer" title={`since ${absoluteTime(openedAt)}`}>
          {timerText((closed ? (alert?.closedAt ?? nowMs) : nowMs) - openedAt)}
        </time>
      </header>
      <div className="sos-detail__body">
        <div className="sos-detail__map">
          <FleetMap label={`Where ${name} is`}>
            <SosTrailLayer way={way} />
            <SosMarkers />
            <FitTo sight={sight} />
          </FleetMap>
        </div>
        <div className="sos-detail__side">
          {message !== undefined && message !== '' && <p className="sos-detail__message">“{message}”</p>}
          {device?.fix != null && (
            <p className="muted">
              {positionText(device.fix.location)} · {deviceSpeedText(device, units)} · seen{' '}
              {agoText(nowMs - device.fix.timestamp)}
            </p>
          )}
          {!closed && mayAnswerSos(live.session) && (
            <SosAnswer
              key={alertId}
              alertId={alertId}
              acknowledged={!waits}
              onAnswered={() => {
                reload()
                onAnswered()
              }}
            />
          )}
          <h3>Timeline</h3>
          {fault !== null && <Failure error={fault} onRetry={reload} />}
          {detail === null && fault === null && <Loading />}
          {detail !== null && <SosTimeline entries={detail.timeline} />}
        </div>
      </div>
    </article>
  )
}

/** What the platform tells of an alert; asked for again when something happened to it, and now and then. */
function useDetail(alertId: string, open: SosAlert | undefined, nowMs: number) {
  const { live } = useConsole()
  const path = `/sos/${encodeURIComponent(alertId)}`
  const moment = `${open?.tier}/${open?.round}/${open?.acknowledged?.at}/${Math.floor(nowMs / ASK_AGAIN_MS)}`
  const isOpen = open !== undefined
  // biome-ignore lint/correctness/useExhaustiveDependencies: another moment asks again
  const askDetail = useCallback(() => live.request<Detail>(path), [live, path, moment])
  // biome-ignore lint/correctness/useExhaustiveDependencies: its end is asked for when it is closed
  const askTrail = useCallback(() => live.request<StoredTrail>(`${path}/trail`), [live, path, isOpen])
  const detail = useAnswer(askDetail)
  const trail = useAnswer(askTrail)
  // An answer stays until the next one is there: that of another alert is not shown.
  return {
    detail: detail.value?.alert.alertId === alertId ? detail.value : null,
    trail: trail.value?.properties.alertId === alertId ? trail.value : null,
    fault: detail.fault,
    reload: detail.reload,
  }
}

/** The map goes to an alert once, when it is known where; then it is the dispatcher's. */
function useFirstSight(
  alertId: string,
  way: readonly (readonly [number, number])[],
  location: { readonly lat: number; readonly lng: number } | undefined,
): Sight | null {
  const [seen, setSeen] = useState<{ readonly alertId: string; readonly sight: Sight } | null>(null)
  useEffect(() => {
    if (seen?.alertId === alertId) return
    const positions = way.length > 0 ? way : location === undefined ? [] : [[location.lng, location.lat] as const]
    if (positions.length > 0) setSeen({ alertId, sight: { positions } })
  }, [alertId, way, location, seen])
  return seen?.alertId === alertId ? seen.sight : null
}
