import type { LocationUpdate, WaitingReason } from '../../contract/index.ts'

/** A fix older than this says nothing about whether the vehicle stands now. */
export const RECENT_FIX_MS = 120_000
/** Receivers that stand still report some tenths of a metre per second. */
export const STANDSTILL_METERS_PER_SECOND = 1.5

/** Names that stop an engine, or switch an output that may have its relay on it, whatever the transport. */
const STOPS_THE_VEHICLE = /^(immobili[sz]e|engine[-_.]?(stop|off|cut)|output)$/i
const RAW = /^raw$/i
const IMMOBILISES = /^(immobili[sz]e|engine[-_.]?(stop|off|cut))$/i
/** Names that let a vehicle go again, in lower case: whoever says so later has the last word. */
export const RELEASES = [
  'mobilise',
  'mobilize',
  'engineresume',
  'engine-resume',
  'enginestart',
  'engine-start',
] as const

/** Whether a later release makes a command of this name void. */
export function isReleasable(name: string): boolean {
  return IMMOBILISES.test(name)
}

/** Whether a command of this name takes a second person: what may stop a vehicle, and text that nobody but the maker understands. */
export function needsSecondPerson(name: string): boolean {
  return STOPS_THE_VEHICLE.test(name) || RAW.test(name)
}

/**
 * Whether it goes to a standing vehicle only.
 * @param rawStopsVehicle what the device's protocol says of the text of a raw command
 */
export function isInterlocked(
  { name, args }: { readonly name: string; readonly args: Readonly<Record<string, unknown>> },
  rawStopsVehicle: (args: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  return STOPS_THE_VEHICLE.test(name) || (RAW.test(name) && rawStopsVehicle(args))
}

export type Hold = Exclude<WaitingReason, 'second-person' | 'contact'>

/** Why a vehicle is not known to stand; null when it does. */
export function holdOf(newest: Pick<LocationUpdate, 'timestamp' | 'location'> | null, nowMs: number): Hold | null {
  if (newest === null) return 'no-fix'
  if (Math.abs(nowMs - newest.timestamp) > RECENT_FIX_MS) return 'fix-old'
  const { speed } = newest.location
  if (speed === undefined) return 'speed-unknown'
  return speed < STANDSTILL_METERS_PER_SECOND ? null : 'moving'
}

export const WAITING_MESSAGES: Readonly<Record<WaitingReason, string>> = {
  'second-person': 'a second person has to confirm it',
  contact: 'the device is not in contact; it is sent as soon as it is',
  'no-fix': 'the device has sent no position yet, so nobody knows whether the vehicle stands',
  'fix-old': `the newest position is older than ${RECENT_FIX_MS / 60_000} minutes, so nobody knows whether the vehicle stands`,
  'speed-unknown': 'the newest position has no speed, so nobody knows whether the vehicle stands',
  moving: 'the vehicle is moving; it is sent when the vehicle stands',
}
