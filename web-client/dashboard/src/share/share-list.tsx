import { useFleet } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected } from '../hooks/use-store.ts'
import { useUnits } from '../hooks/use-units.ts'
import { type Device, stateOf } from '../live/devices.ts'
import { absoluteTime, agoText } from '../live/time-text.ts'
import { distanceText, speedText } from '../live/units.ts'
import { STATE_TEXT } from '../panels/device-text.ts'
import { StateMark } from '../panels/state-mark.tsx'
import type { Shared } from './opened-link.ts'
import { clockText } from './share-time.ts'
import type { Viewing } from './viewing.ts'

const PERIOD_MS = 500
/** A position may be old for this long before it is said in another colour. */
const OLD_MS = 2 * 60_000

interface Props {
  readonly viewing: Viewing
  readonly shared: Shared
  readonly offline: boolean
}

/** The shared devices in words: what the map shows, for those too who cannot see it. */
export function ShareList({ viewing, shared, offline }: Props) {
  const devices = useCalmStore(viewing.devices, PERIOD_MS)
  const { selection } = useFleet()
  const selectedId = useSelected(selection.store, ({ deviceId }) => deviceId)
  const nowMs = useNow(viewing.now)
  const { from, until, precisionMeters, hasArea } = shared
  const choose = (device: Device): void => {
    selection.select(device.id)
    if (device.fix === null) return
    const { lng, lat } = device.fix.location
    selection.flyTo({ position: [lng, lat], ping: false })
  }
  return (
    <aside className="share__panel" aria-label="Shared devices">
      {offline && (
        <p className="share__offline" role="alert">
          The connection is lost. Positions may be old; it is tried again.
        </p>
      )}
      <ul>
        {[...devices.values()].map(device => (
          <li key={device.id}>
            <button
              className="share__device"
              type="button"
              aria-pressed={device.id === selectedId}
              onClick={() => choose(device)}
            >
              <StateMark state={stateOf(device, nowMs)} sos={false} heading={device.fix?.location.heading} />
              <span className="share__name">{device.name}</span>
              <Facts device={device} nowMs={nowMs} waits={nowMs < from} />
            </button>
          </li>
        ))}
      </ul>
      <p className="share__terms">
        {nowMs < from ? `Shared from ${clockText(from, nowMs)} until` : 'Shared until'} {clockText(until, nowMs)}.
        {precisionMeters !== null && ` Positions are rounded: the true one is within the circle.`}
        {hasArea && ' Only within an agreed area.'}
      </p>
    </aside>
  )
}

function Facts({ device, nowMs, waits }: { readonly device: Device; readonly nowMs: number; readonly waits: boolean }) {
  const { fix } = device
  const { units } = useUnits()
  if (fix === null) return <span className="share__facts">{waits ? 'Not shown yet' : 'No position is shown'}</span>
  const state = stateOf(device, nowMs)
  const ageMs = nowMs - fix.timestamp
  const { speed } = fix.location
  const parts = [
    fix.location.accuracy !== undefined && speed === undefined && fix.location.accuracy > 100
      ? `within ${distanceText(fix.location.accuracy, units)}`
      : STATE_TEXT[state],
    ...(speed !== undefined && state === 'moving' ? [speedText(speed, units)] : []),
  ]
  return (
    <span className="share__facts" data-old={ageMs > OLD_MS || undefined} title={absoluteTime(fix.timestamp)}>
      {parts.join(' · ')} · {agoText(ageMs)}
    </span>
  )
}
