import { StrictMode, useState, version } from 'react'
import { createRoot } from 'react-dom/client'
import {
  RealtimeProvider,
  useAlerts,
  useDataAge,
  useDevices,
  useGeofences,
  usePresence,
  useRealtimeConnection,
  useRealtimeGPS,
  useSos,
  useVehicleTracking,
} from '../../../web-client/react/index.ts'

/** What the test reads: what every hook said last, and how often it made its component render. */
const seen: Record<string, unknown> = { version }
const renders: Record<string, number> = {}
Object.assign(window, { seen, renders })

function told(name: string, value: unknown): null {
  seen[name] = value
  renders[name] = (renders[name] ?? 0) + 1
  return null
}

const said = new URLSearchParams(location.hash.slice(1))
const url = said.get('url')!
const token = said.get('token')!

const Connection = () => told('connected', useRealtimeConnection().connected)
const Age = () => told('age', useDataAge())
const Devices = () => told('devices', useDevices().devices)
const Positions = () => told('positions', [...useDevices({ positions: true }).positions])
const Vehicle = () => told('vehicle', useVehicleTracking('van-1'))
const Shared = () => told('shared', useVehicleTracking('van-1', said.get('userToken')!, url).location)
const Alerts = () => told('alerts', useAlerts())
const Fences = () => told('fences', [...useGeofences().keys()])
const Presence = () => told('presence', usePresence('van-1'))

function Sos() {
  const { open, own, acknowledge } = useSos()
  Object.assign(window, { acknowledge })
  return told('sos', { open: [...open.values()], own })
}

function Gps() {
  const { startTracking, stopTracking, tracking, location: where, sent } = useRealtimeGPS()
  Object.assign(window, { startTracking, stopTracking })
  return told('gps', { tracking, where, sent })
}

function Page() {
  const [isShown, setIsShown] = useState(true)
  Object.assign(window, { setIsShown })
  if (!isShown) return null
  return (
    <RealtimeProvider options={{ url, token }}>
      <Connection />
      <Age />
      <Devices />
      <Positions />
      <Vehicle />
      <Shared />
      <Alerts />
      <Fences />
      <Presence />
      <Sos />
      <Gps />
    </RealtimeProvider>
  )
}

createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
)
