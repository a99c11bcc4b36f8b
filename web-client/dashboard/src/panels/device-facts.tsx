import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useStore } from '../hooks/use-store.ts'
import { useUnits } from '../hooks/use-units.ts'
import { staysOf } from '../live/alerts.ts'
import { batteryOf, type Device } from '../live/devices.ts'
import { absoluteTime, agoText, durationText } from '../live/time-text.ts'
import { heightText } from '../live/units.ts'
import { deviceSpeedText, headingText } from './device-text.ts'

const LOW_BATTERY = 20

interface Props {
  readonly device: Device
  /** What a card of the map has no room for. */
  readonly more?: boolean
}

/** The last state of a device that has reported, and the fences it is in. */
export function DeviceFacts({ device, more = false }: Props) {
  const { live } = useConsole()
  const alerts = useStore(live.alerts)
  const nowMs = useNow(live.now)
  const { units } = useUnits()
  const { fix, status } = device
  if (fix === null) return null
  const { location, metadata } = fix
  const battery = batteryOf(device)
  const stays = staysOf(alerts, device.id)
  const facts: FactProps[] = [
    { name: 'Speed', value: deviceSpeedText(device, units) },
    { name: 'Heading', value: location.heading === undefined ? 'unknown' : headingText(location.heading) },
    { name: 'Last fix', value: agoText(nowMs - fix.timestamp), title: absoluteTime(fix.timestamp) },
    {
      name: 'Battery',
      value: battery === null ? 'unknown' : `${Math.round(battery)} %`,
      tone: battery !== null && battery < LOW_BATTERY ? 'warn' : undefined,
    },
    {
      name: 'Accuracy',
      value: location.accuracy === undefined ? 'unknown' : `± ${heightText(location.accuracy, units)}`,
    },
    { name: 'Network', value: metadata?.network ?? status?.network ?? 'unknown' },
  ]
  if (more)
    facts.push(
      { name: 'Altitude', value: location.altitude === undefined ? 'unknown' : heightText(location.altitude, units) },
      { name: 'Activity', value: metadata?.activity ?? 'unknown' },
      { name: 'Firmware', value: status?.firmware ?? 'unknown' },
    )
  return (
    <>
      <dl className="facts">
        {facts.map(fact => (
          <Fact key={fact.name} {...fact} />
        ))}
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
    </>
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
