import { useConsole } from '../hooks/live-context.ts'
import type { History } from '../hooks/use-history.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected, useStore } from '../hooks/use-store.ts'
import { staysOf } from '../live/alerts.ts'
import { batteryOf, stateOf } from '../live/devices.ts'
import { absoluteTime, agoText, durationText } from '../live/time-text.ts'
import { CopyButton } from './copy-button.tsx'
import { headingText, positionText, STATE_TEXT, speedText } from './device-text.ts'
import { Icon } from './icons.tsx'
import { SpeedChart } from './speed-chart.tsx'
import { StateMark } from './state-mark.tsx'

interface Props {
  readonly deviceId: string
  readonly history: History
}

/** All that is known of the selected device. */
export function DeviceCard({ deviceId, history }: Props) {
  const { live, selection } = useConsole()
  const device = useCalmStore(live.devices, 250).get(deviceId)
  const alerts = useStore(live.alerts)
  const sos = useSelected(live.sos, ({ open }) => [...open.values()].some(alert => alert.deviceId === deviceId))
  const follow = useSelected(selection.store, state => state.follow)
  const nowMs = useNow(live.now)
  if (device === undefined) return null

  const state = stateOf(device, nowMs)
  const { fix } = device
  const battery = batteryOf(device)
  const stays = staysOf(alerts, deviceId)
  return (
    <section className="panel card" aria-label={`Device ${device.name}`}>
      <header className="card__head">
        <StateMark state={state} sos={sos} heading={fix?.location.heading} />
        <div className="card__title">
          <h2>{device.name}</h2>
          <p>
            {STATE_TEXT[state]}
            {device.status?.state === 'offline' && device.status.since !== undefined && (
              <> for {durationText(nowMs - device.status.since)}</>
            )}
            {device.name !== device.id && <> · {device.id}</>}
          </p>
        </div>
        <button className="icon-button" type="button" aria-label="Close" onClick={() => selection.select(null)}>
          <Icon name="close" />
        </button>
      </header>
      {fix === null ? (
        <p className="panel__empty">This device is registered, but has not sent a position yet.</p>
      ) : (
        <>
          <dl className="facts">
            <Fact name="Speed" value={speedText(device)} />
            <Fact
              name="Heading"
              value={fix.location.heading === undefined ? 'unknown' : headingText(fix.location.heading)}
            />
            <Fact name="Last fix" value={agoText(nowMs - fix.timestamp)} title={absoluteTime(fix.timestamp)} />
            <Fact
              name="Battery"
              value={battery === null ? 'unknown' : `${Math.round(battery)} %`}
              tone={battery !== null && battery < 20 ? 'warn' : undefined}
            />
            <Fact
              name="Accuracy"
              value={fix.location.accuracy === undefined ? 'unknown' : `± ${Math.round(fix.location.accuracy)} m`}
            />
            <Fact name="Network" value={fix.metadata?.network ?? device.status?.network ?? 'unknown'} />
          </dl>
          <div className="card__section">
            <h3>In fences</h3>
            {stays.length === 0 ? (
              <p className="muted">None, as far as the alerts here tell.</p>
            ) : (
              <ul className="stays">
                {stays.map(stay => (
                  <li key={stay.fenceId} title={`since ${absoluteTime(stay.sinceMs)}`}>
                    <span>{stay.fenceName}</span>
                    <span className="muted">{durationText(nowMs - stay.sinceMs)}</span>
                  </li>
                ))}
              </ul>
            )}
          </div>
          <div className="card__section">
            <h3>Speed, last hour</h3>
            <SpeedChart history={history} nowMs={nowMs} />
          </div>
          <footer className="card__foot">
            <button
              className="button button--small"
              type="button"
              aria-pressed={follow}
              onClick={() => selection.setFollow(!follow)}
            >
              <Icon name="follow" />
              {follow ? 'Following' : 'Follow'}
            </button>
            <CopyButton text={positionText(fix.location)} label={positionText(fix.location)} />
          </footer>
        </>
      )}
    </section>
  )
}

interface FactProps {
  readonly name: string
  readonly value: string
  readonly title?: string
  readonly tone?: 'warn' | undefined
}

function Fact({ name, value, title, tone }: FactProps) {
  return (
    <div className="fact" title={title} data-tone={tone} data-unknown={value === 'unknown' || undefined}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
