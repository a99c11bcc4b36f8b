import { type Device, type DeviceState, speedOf } from '../live/devices.ts'
import { speedText, type Units } from '../live/units.ts'

/** What a list or card says of a state. */
export const STATE_TEXT: Readonly<Record<DeviceState, string>> = {
  moving: 'Moving',
  stopped: 'Stopped',
  stale: 'No recent fix',
  offline: 'Offline',
  unknown: 'Never reported',
}

export function deviceSpeedText(device: Device, units: Units): string {
  const speed = speedOf(device)
  return speed === null ? 'unknown' : speedText(speed, units)
}

const WINDS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'] as const

export function headingText(degrees: number): string {
  return `${WINDS[Math.round(degrees / 45) % 8]} ${Math.round(degrees)}°`
}

export function positionText({ lat, lng }: { readonly lat: number; readonly lng: number }): string {
  return `${lat.toFixed(5)}, ${lng.toFixed(5)}`
}
