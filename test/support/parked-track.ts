import type { Fix } from '../../geofence-engine/index.ts'
import { randomOf } from './seeded-random.ts'

/** How positions scatter around a parked device. */
export interface Parked {
  readonly seed: number
  readonly everySeconds: number
  readonly hours: number
  /** Whether fixes tell their accuracy: the radius that holds two thirds of them. */
  readonly tellsAccuracy: boolean
  /** Seconds for which an error lasts; 0: every fix errs on its own. */
  readonly driftSeconds: number
  /** Accuracy changes between these, metres. */
  readonly from: number
  readonly to: number
}

const METERS_PER_DEGREE = 111_194.9
/** Radius that holds two thirds of a normal scatter, in standard deviations of one axis. */
const TWO_THIRDS = 1.51

/** A device that stands at a place near the equator all the time, its positions off by `from` to `to` metres. */
export function parkedTrack(eastMeters: number, northMeters: number, parked: Parked): Fix[] {
  const { seed, everySeconds, hours, tellsAccuracy, driftSeconds, from, to } = parked
  const random = randomOf(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const keep = driftSeconds === 0 ? 0 : Math.exp(-everySeconds / driftSeconds)
  const renew = Math.sqrt(1 - keep * keep)
  let [x, y] = [normal(), normal()]
  let accuracy = from + random() * (to - from)
  const fixes: Fix[] = []
  for (let at = 0; at < hours * 3_600; at += everySeconds) {
    x = keep * x + renew * normal()
    y = keep * y + renew * normal()
    if (driftSeconds === 0 || random() < everySeconds / driftSeconds) accuracy = from + random() * (to - from)
    const lng = (eastMeters + (x * accuracy) / TWO_THIRDS) / METERS_PER_DEGREE
    const lat = (northMeters + (y * accuracy) / TWO_THIRDS) / METERS_PER_DEGREE
    const told = tellsAccuracy ? { accuracy: Math.round(accuracy * 10) / 10 } : {}
    fixes.push({ timestamp: 1_700_000_000_000 + at * 1_000, location: { lat, lng, ...told } })
  }
  return fixes
}
