import { type Device, type DeviceState, speedOf } from '../live/devices.ts'

/** What a list or card says of a state. */
export const STATE_TEXT: Readonly<Record<DeviceState, string>> = {
  moving: 'Moving',
  stopped: 'Stopped',
  stale: 'No recent fix',
  offline: 'Offline',
  unknown: 'Never reported',
}

export const kmh = (metersPerSecond: number): string => `${Math.round(metersPerSecond * 3.6)} km/h`

export function speedText(device: Device): string {
  const speed = speedOf(device)
  return speed === null ? 'unknown' : kmh(speed)
}

const WINDS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'] as const

export function headingText(degrees: number): string {
  return `${WINDS[Math.round(degrees / 45) % 8]} ${Math.round(degrees)}°`
}

export function positionText({ lat, lng }: { readonly lat: number; readonly lng: number }): string {
  return `${lat.toFixed(5)}, ${lng.toFixed(5)}`
}
