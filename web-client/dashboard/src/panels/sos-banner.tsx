import { type FormEvent, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore } from '../hooks/use-store.ts'
import { ApiError } from '../live/api.ts'
import { mayAnswerSos } from '../live/session.ts'
import { closeAlert, type SosAlert } from '../live/sos.ts'
import { absoluteTime, agoText, timerText } from '../live/time-text.ts'
import { positionText } from './device-text.ts'
import { Icon } from './icons.tsx'

interface Props {
  readonly alerts: readonly SosAlert[]
  /** False where the page itself lists them: then they are only announced. */
  readonly listed: boolean
}

/** Every open alert, on top of everything, until someone closes it. */
export function SosBanner({ alerts, listed }: Props) {
  const waiting = alerts.filter(alert => alert.acknowledged === null)
  const { live } = useConsole()
  const devices = useCalmStore(live.devices, 1_000)
  const nameOf = (id: string): string => devices.get(id)?.name ?? id
  return (
    <>
      <div className="hidden" role="alert">
        {waiting
          .map(alert => `${alert.drill ? 'Drill: ' : ''}SOS from ${nameOf(alert.deviceId)}. ${alert.message ?? ''}`)
          .join(' ')}
      </div>
      {listed && alerts.length > 0 && (
        <section className="sos" aria-label="Open SOS alerts">
          {alerts.map(alert => (
            <SosRow key={alert.alertId} alert={alert} name={nameOf(alert.deviceId)} />
          ))}
        </section>
      )}
    </>
  )
}

type Action = 'acknowledge' | 'resolve'

function SosRow({ alert, name }: { readonly alert: SosAlert; readonly name: string }) {
  const { live, selection, motion } = useConsole()
  const nowMs = useNow(live.now)
  const [busy, setBusy] = useState<Action | null>(null)
  const [resolving, setResolving] = useState(false)
  const { acknowledged, location } = alert

  const answer = async (action: Action, note: string): Promise<void> => {
    setBusy(action)
    try {
      await live.answerSos(alert.alertId, action, note)
      if (action === 'resolve') live.sos.set(state => closeAlert(state, alert.alertId))
    } catch (error) {
      const closed = error instanceof ApiError && (error.code === 'alert_closed' || error.code === 'alert_unknown')
      if (closed) live.sos.set(state => closeAlert(state, alert.alertId))
      live.notify('error', closed ? 'The alert was already closed.' : `Not sent: ${(error as Error).message}`)
    } finally {
      setBusy(null)
    }
  }

  const show = (): void => {
    selection.select(alert.deviceId)
    const position = motion.positionOf(alert.deviceId) ?? (location && ([location.lng, location.lat] as const))
    if (position) selection.flyTo({ position, ping: true })
  }

  const onResolve = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    answer('resolve', String(new FormData(event.currentTarget).get('note') ?? '').trim())
  }

  return (
    <article className="sos__row" data-acknowledged={acknowledged !== null} aria-label={`SOS of ${name}`}>
      <Icon name="alarm" />
      <div className="sos__what">
        <p className="sos__title">
          <b>{alert.drill ? 'SOS drill' : 'SOS'}</b>{' '}
          <button className="sos__device" type="button" onClick={show}>
            {name}
          </button>
          <time className="sos__timer" title={`since ${absoluteTime(alert.openedAt)}`}>
            {timerText(nowMs - alert.openedAt)}
          </time>
        </p>
        <p className="sos__more">
          {alert.message !== undefined && alert.message !== '' && (
            <span className="sos__message">“{alert.message}”</span>
          )}
          <span>{location === undefined ? 'position unknown' : positionText(location)}</span>
          {alert.late && <span>happened at {absoluteTime(alert.openedAt)}, arrived late</span>}
          <span className="sos__state">
            {acknowledged === null
              ? `Nobody has acknowledged yet${alert.tier > 0 ? `, tier ${alert.tier} was told` : ''}`
              : `Acknowledged by ${acknowledged.by}, ${agoText(nowMs - acknowledged.at)}`}
            {acknowledged?.note !== undefined && `: ${acknowledged.note}`}
          </span>
        </p>
      </div>
      {mayAnswerSos(live.session) &&
        (resolving ? (
          <form
            className="sos__actions"
            onSubmit={onResolve}
            onKeyDown={event => event.key === 'Escape' && setResolving(false)}
          >
            {/* biome-ignore lint/a11y/noAutofocus: the field appears because its button was pressed */}
            <input name="note" placeholder="Note (optional)" aria-label="Note" maxLength={2_000} autoFocus />
            <button className="button button--sos" type="submit" disabled={busy !== null}>
              Resolve
            </button>
            <button className="button button--sos-quiet" type="button" onClick={() => setResolving(false)}>
              Cancel
            </button>
          </form>
        ) : (
          <div className="sos__actions">
            {acknowledged === null && (
              <button
                className="button button--sos"
                type="button"
                disabled={busy !== null}
                onClick={() => answer('acknowledge', '')}
              >
                {busy === 'acknowledge' ? 'Sending…' : 'Acknowledge'}
              </button>
            )}
            <button className="button button--sos-quiet" type="button" onClick={() => setResolving(true)}>
              Resolve…
            </button>
          </div>
        ))}
    </article>
  )
}
