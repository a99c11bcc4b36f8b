import type { Random } from '../random.ts'

/** How a receiver errs: the error wanders, it does not jump from fix to fix. */
export interface GpsNoise {
  /** The error at the next fix, `seconds` after the one before, and the accuracy figure the receiver gives with it. */
  next(seconds: number): { readonly eastMeters: number; readonly northMeters: number; readonly accuracy: number }
}

/** Multipath and atmosphere change over this time. */
const ERROR_SECONDS = 25
/** Street canyons and open squares alternate over this time. */
const QUALITY_SECONDS = 120
/** How much the quality of reception varies, as the deviation of its logarithm. */
const QUALITY_SPREAD = 0.25
/** The 68 % radius of a two-dimensional normal error of deviation 1 per axis. */
const RADIUS_68 = 1.515

/**
 * A first-order Gauss–Markov process per axis, its spread modulated by slowly changing reception.
 * @param accuracyMeters the typical 68 % radius; 0 turns noise off
 */
export function createGpsNoise(accuracyMeters: number, random: Random): GpsNoise {
  let east = random.normal()
  let north = random.normal()
  let quality = random.normal()
  const wander = (value: number, seconds: number, scaleSeconds: number) => {
    const kept = Math.exp(-seconds / scaleSeconds)
    return kept * value + Math.sqrt(1 - kept * kept) * random.normal()
  }
  return {
    next(seconds) {
      if (accuracyMeters === 0) return { eastMeters: 0, northMeters: 0, accuracy: 0 }
      east = wander(east, seconds, ERROR_SECONDS)
      north = wander(north, seconds, ERROR_SECONDS)
      quality = wander(quality, seconds, QUALITY_SECONDS)
      const accuracy = accuracyMeters * Math.exp(QUALITY_SPREAD * quality)
      const deviation = accuracy / RADIUS_68
      return { eastMeters: east * deviation, northMeters: north * deviation, accuracy }
    },
  }
}
