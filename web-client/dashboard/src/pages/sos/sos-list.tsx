import type { SosAlert } from '../../live/sos.ts'
import { absoluteTime, timerText } from '../../live/time-text.ts'
import { ListState } from '../parts/list-state.tsx'
import type { PagedList } from '../parts/use-list.ts'
import type { SosAlertView } from './sos-text.ts'

interface Props {
  readonly open: readonly SosAlert[]
  readonly closed: PagedList<SosAlertView>
  readonly chosen: string | null
  readonly nowMs: number
  nameOf(deviceId: string): string
  onChoose(alertId: string): void
}

/** Who calls for help, those nobody answered first; below them what is over. */
export function SosList({ open, closed, chosen, nowMs, nameOf, onChoose }: Props) {
  return (
    <div className="workbench__body">
      {open.length === 0 ? (
        <p className="list-empty">No SOS is open.</p>
      ) : (
        <ul className="rows" aria-label="Open alerts">
          {open.map(alert => (
            <li key={alert.alertId}>
              <button
                className="pick sos-row"
                type="button"
                aria-current={alert.alertId === chosen || undefined}
                data-waiting={alert.acknowledged === null || undefined}
                onClick={() => onChoose(alert.alertId)}
              >
                <span className="sos-row__top">
                  <span className="pick__name">{nameOf(alert.deviceId)}</span>
                  <time className="sos-row__timer">{timerText(nowMs - alert.openedAt)}</time>
                </span>
                <span className="pick__more">
                  {alert.acknowledged === null ? 'Nobody has acknowledged' : `Acknowledged by ${alert.acknowledged.by}`}
                  {alert.tier > 0 && ` · tier ${alert.tier}`}
                  {alert.drill && ' · drill'}
                </span>
                {alert.message !== undefined && alert.message !== '' && (
                  <span className="sos-row__message">“{alert.message}”</span>
                )}
              </button>
            </li>
          ))}
        </ul>
      )}
      <details className="fold">
        <summary>Closed</summary>
        <ul className="rows" aria-label="Closed alerts">
          {closed.items?.map(alert => (
            <li key={alert.alertId}>
              <button
                className="pick"
                type="button"
                aria-current={alert.alertId === chosen || undefined}
                onClick={() => onChoose(alert.alertId)}
              >
                <span className="pick__name">{nameOf(alert.deviceId)}</span>
                <span className="pick__more">
                  {absoluteTime(alert.openedAt)} · {endOf(alert)}
                  {alert.drill && ' · drill'}
                </span>
              </button>
            </li>
          ))}
        </ul>
        <ListState list={closed} empty="None was closed yet." />
      </details>
    </div>
  )
}

function endOf({ state, outcome }: SosAlertView): string {
  if (state === 'cancelled') return 'cancelled'
  return outcome === 'false-alarm' ? 'false alarm' : 'resolved'
}
