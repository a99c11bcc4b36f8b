import type { DeviceEvent, Incident } from '../../../../../contract/index.ts'

type DeviceEventKind = DeviceEvent['event']

/** What is announced of devices, in words; the contract says which there are. */
const DEVICE_EVENTS: Readonly<Record<DeviceEventKind, string>> = {
  online: 'Online',
  offline: 'Offline',
  overspeed: 'Too fast',
  idle: 'Idles',
  moving: 'Moves',
  stationary: 'Stands',
  tow: 'Towed',
  'low-battery': 'Low battery',
  near: 'Near another',
  far: 'Far again',
  'off-route': 'Left its route',
  'identity-clash': 'In two places',
  'power-cut': 'Power cut',
  'low-power': 'Low supply voltage',
  tampering: 'Tampering',
  vibration: 'Vibration',
  accident: 'Accident',
  'fall-down': 'Fell down',
  jamming: 'Jamming',
  'gps-antenna-cut': 'GPS antenna cut',
}

type FenceEvent = 'enter' | 'exit' | 'dwell' | 'correction'

export const EVENT_TEXTS: Readonly<Record<FenceEvent | DeviceEventKind, string>> = {
  enter: 'Enters a fence',
  exit: 'Leaves a fence',
  dwell: 'Stays in a fence',
  correction: 'Correction',
  ...DEVICE_EVENTS,
}

const { online, moving, stationary, far, ...lasting } = DEVICE_EVENTS

export const INCIDENT_TEXTS: Readonly<Record<Incident['kind'], string>> = {
  geofence: 'In a fence',
  overstay: 'Stays too long',
  ...lasting,
  storm: 'Storm',
}

/** For a choice: any of them, or one. */
export function choicesOf<Kind extends string>(
  texts: Readonly<Record<Kind, string>>,
): (readonly [Kind | '', string])[] {
  return [['', 'Any'], ...(Object.entries(texts) as [Kind, string][])]
}
