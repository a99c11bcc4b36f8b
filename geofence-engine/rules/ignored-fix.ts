import type { Location } from '../../contract/index.ts'
import type { Track } from '../track.ts'
import type { NoiseSettings } from './noise-settings.ts'

/** A fix that says nothing about a fence: worse than `maxAccuracy`, or a jump faster than `maxSpeed`. */
export type Ignored = 'accuracy_poor' | 'implausible_jump'

/** Why a fence ignores the fix that the track ends with; null: it counts. A fix that does not tell its accuracy is not poor. */
export function ignoredBecause(
  { maxAccuracy, maxSpeed }: NoiseSettings,
  location: Location,
  track: Track,
): Ignored | null {
  if ((location.accuracy ?? 0) > maxAccuracy) return 'accuracy_poor'
  return maxSpeed < Number.POSITIVE_INFINITY && track.plausible(maxSpeed).at(-1) !== true ? 'implausible_jump' : null
}
