import type { Location } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import { haversineMeters } from '../geometry/geodesy.ts'

interface Place {
  readonly lng: number
  readonly lat: number
}

/** Where a device stands: the first fix there, and the mean of those that followed until it was long enough. */
export interface Stay {
  readonly since: number
  readonly first: Place
  readonly mean: Place
  readonly count: number
}

export function beginStay({ timestamp, location: { lng, lat } }: Fix): Stay {
  return { since: timestamp, first: { lng, lat }, mean: { lng, lat }, count: 1 }
}

/**
 * The stay with one more fix. After `seconds` the mean stands, so that it does not drift with the receiver; a fix worse than
 * `meters` adds nothing to it.
 */
export function continueStay(stay: Stay, { timestamp, location }: Fix, seconds: number, meters: number): Stay {
  if (hasLasted(stay, timestamp, seconds) || (location.accuracy ?? 0) > meters) return stay
  const count = stay.count + 1
  const { lng, lat } = stay.mean
  const mean = { lng: wrap(lng + wrap(location.lng - lng) / count), lat: lat + (location.lat - lat) / count }
  return { ...stay, mean, count }
}

export function hasLasted({ since }: Stay, timestamp: number, seconds: number): boolean {
  return timestamp - since >= seconds * 1_000
}

export function metersFrom({ lng, lat }: Place, { location }: Fix): number {
  return haversineMeters(lng, lat, location.lng, location.lat)
}

/** Farther than `meters`, and be it by less than the fix's accuracy. */
export function isAway(place: Place, fix: Fix, meters: number): boolean {
  return metersFrom(place, fix) > meters + (fix.location.accuracy ?? 0)
}

/** A place as a location, to the centimetre. */
export function locationOf({ lng, lat }: Place): Location {
  return { lat: Math.round(lat * 1e7) / 1e7, lng: Math.round(lng * 1e7) / 1e7 }
}

function wrap(degrees: number): number {
  return degrees > 180 ? degrees - 360 : degrees < -180 ? degrees + 360 : degrees
}
