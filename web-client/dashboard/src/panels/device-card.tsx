import { useConsole } from '../hooks/live-context.ts'
import type { History } from '../hooks/use-history.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected } from '../hooks/use-store.ts'
import { stateOf } from '../live/devices.ts'
import { durationText } from '../live/time-text.ts'
import { href } from '../pages/path.ts'
import { CopyButton } from './copy-button.tsx'
import { DeviceFacts } from './device-facts.tsx'
import { positionText, STATE_TEXT } from './device-text.ts'
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
  const sos = useSelected(live.sos, ({ open }) => [...open.values()].some(alert => alert.deviceId === deviceId))
  const follow = useSelected(selection.store, state => state.follow)
  const nowMs = useNow(live.now)
  if (device === undefined) return null

  const state = stateOf(device, nowMs)
  const { fix } = device
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
          <DeviceFacts device={device} />
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
            <a className="button button--small" href={href('/devices/:deviceId', { deviceId })}>
              <Icon name="details" />
              Details
            </a>
            <CopyButton text={positionText(fix.location)} label={positionText(fix.location)} />
          </footer>
        </>
      )}
    </section>
  )
}
