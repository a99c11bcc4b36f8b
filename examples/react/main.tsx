import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import {
  RealtimeProvider,
  useAlerts,
  useDataAge,
  useDevices,
  useRealtimeConnection,
  useSos,
  useVehicleTracking,
} from 'trackwire/react'

// A real app asks its own server for the token; here it comes with the address: #token=…&url=…
const said = new URLSearchParams(location.hash.slice(1))
const options = { url: said.get('url') ?? 'http://127.0.0.1:8080', token: said.get('token') ?? '' }

function Connection() {
  const { connected, state } = useRealtimeConnection()
  const age = useDataAge()
  return <p role="status">{connected ? 'live' : `${state.phase}: what you see is ${age} s old`}</p>
}

function Fleet() {
  const { devices } = useDevices()
  const [followed, setFollowed] = useState<string | null>(null)
  return (
    <>
      <ul aria-label="Devices">
        {devices.map(({ id, name, status }) => (
          <li key={id}>
            <button type="button" onClick={() => setFollowed(id)}>
              {name ?? id}
            </button>{' '}
            {status?.state ?? 'unknown'}
          </li>
        ))}
      </ul>
      {followed !== null && <Vehicle key={followed} id={followed} />}
    </>
  )
}

function Vehicle({ id }: { id: string }) {
  const { location: where, timestamp } = useVehicleTracking(id)
  if (where === null || timestamp === null) return <p>{id} has not said where it is</p>
  const { lat, lng, speed = 0 } = where
  return (
    <p data-testid="vehicle">
      {id}: {lat.toFixed(5)}, {lng.toFixed(5)}, {Math.round(speed * 3.6)} km/h at{' '}
      {new Date(timestamp).toLocaleTimeString()}
    </p>
  )
}

function Alerts() {
  const alerts = useAlerts()
  const { open, acknowledge } = useSos()
  return (
    <>
      {[...open.values()].map(({ alertId, deviceId, event, message }) => (
        <p key={alertId} role="alert">
          SOS of {deviceId}: {message ?? ''} ({event}){' '}
          <button type="button" onClick={() => acknowledge(alertId, 'seen')}>
            Acknowledge
          </button>
        </p>
      ))}
      <ol aria-label="Alerts">
        {alerts.map(alert => (
          <li key={alert.id}>
            {alert.event} {alert.deviceId} {'fenceName' in alert ? alert.fenceName : ''}
          </li>
        ))}
      </ol>
    </>
  )
}

createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <RealtimeProvider options={options}>
      <Connection />
      <Fleet />
      <Alerts />
    </RealtimeProvider>
  </StrictMode>,
)
