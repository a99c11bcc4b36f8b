import type { Location } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import { haversineMeters } from '../geometry/geodesy.ts'

/** Where and when: what of a fix is needed to tell a speed. */
export interface Whereabouts {
  readonly timestamp: number
  readonly location: Location
}

/** 252 km/h, as the vehicle preset of fences has it: two positions that say more are not both right. */
const PLAUSIBLE_MPS = 70
/** A second or more: noise of some metres in less would be a speed. */
const LEAST_SECONDS = 1
/** Positions worse than this tell no speed. A position that does not tell its accuracy is taken as good. */
const MAX_ACCURACY_METERS = 50

/**
 * Metres per second: what the fix says, or what its way from the position before makes plausible; undefined when neither tells.
 * @param earlier the position before `previous`: when the fix is back near it, `previous` was the bad one and does not count
 */
export function speedOf(fix: Fix, previous: Fix | null, earlier?: Whereabouts): number | undefined {
  const { speed } = fix.location
  if (speed !== undefined) return speed
  if (previous === null) return undefined
  if (earlier !== undefined && isSpike(earlier, previous, fix)) return between(earlier, fix)
  return between(previous, fix)
}

function between(from: Whereabouts, to: Whereabouts): number | undefined {
  if (Math.max(from.location.accuracy ?? 0, to.location.accuracy ?? 0) > MAX_ACCURACY_METERS) return undefined
  const seconds = (to.timestamp - from.timestamp) / 1_000
  if (seconds < LEAST_SECONDS) return undefined
  const speed = metersBetween(from, to) / seconds
  return speed <= PLAUSIBLE_MPS ? speed : undefined
}

/** There and back again: the way over the middle position is far longer than the way past it. */
function isSpike(before: Whereabouts, middle: Whereabouts, after: Whereabouts): boolean {
  return metersBetween(before, after) < Math.min(metersBetween(before, middle), metersBetween(middle, after)) / 2
}

export function metersBetween(a: { location: Location }, b: { location: Location }): number {
  return haversineMeters(a.location.lng, a.location.lat, b.location.lng, b.location.lat)
}
